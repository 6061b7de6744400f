#!/usr/bin/env bash
# Deputy's client for bash 4.4 or later with OpenBSD's nc and GNU sed, to copy. The server is DEPUTY_URL.
#   deputy.sh do TYPE JSON...       submits the jobs at once, waits, and prints the results, one a line, in this order.
#   deputy.sh cancel TYPE JSON...   does the same, but cancels the jobs at once. MEMBERS go to all `do` and `can_do`.
#   deputy.sh work TYPE             does jobs for ever, one at a time, by the function `job`: put your own there.
# It does not decode JSON: it cuts the server's lines where their members are today. It has no TCP_NODELAY, no limit for
# the length of a line, and a job does not see that it is cancelled. nc notices the end only when it writes a line:
# hence an empty line each second. After a quarter of an hour it notices a server that is gone without a word.
LC_ALL=C # A byte is a character, wherever a line is cut.
set -u; trap '' PIPE # A write to an nc that is gone just fails.
# Gets the arg as JSON, and prints the result as JSON. Its failure is the job's. Lines of JSON to file 3 are progress.
job() { # To try it out: sleeps for the arg's "seconds", and gives the arg back. Fails without arg.
    if [[ $1 == *'"report":true'* ]]; then echo "{\"attempt\":$attempt,\"ref\":$ref}" >&3; fi
    if [[ $1 =~ ^\{\"seconds\":([0-9.]+) ]]; then sleep "${BASH_REMATCH[1]}"; fi
    printf '%s' "${1:?is missing}"
}

parse_url() { # Sets `address`, the words for nc.
    local name='([A-Za-z_]|[0-9]+[A-Za-z._-])[A-Za-z0-9._-]*' v6='\[([0-9A-Fa-f:.]+)(%[A-Za-z0-9._-]+)?\]' groups
    local h='[0-9A-Fa-f]{1,4}' d='(25[0-5]|(2[0-4]|1[0-9]|[1-9]?)[0-9])' space=$' \t\r\n' url
    local tcp="^(tcp://)?(($name)|$v6)(:([1-9][0-9]{0,4}))?/?\$" full="($h:){7}$h|($h:){6}$d(\.$d){3}"
    [[ $1 =~ ^[$space]*(.*[^$space])?[$space]*$ ]]
    url=${BASH_REMATCH[1]:-127.0.0.1}
    if [[ $url =~ ^unix:((//)?(/[^/].*)|([^/].*))$ ]]; then
        address=(-U -- "${BASH_REMATCH[3]}${BASH_REMATCH[4]}") && return
    elif [[ $url =~ $tcp ]] && ((${BASH_REMATCH[8]:-0} < 65536)); then
        address=(-- "${BASH_REMATCH[3]}${BASH_REMATCH[5]}${BASH_REMATCH[6]}" "${BASH_REMATCH[8]:-11746}")
        v6=${BASH_REMATCH[5]:-::} groups=(${v6//:/ } ${v6//[^.]/}) # An IPv4 address counts as two.
        [[ $v6 =~ ^($full|($h(:$h)*)?::(($h:)*($h|$d(\.$d){3}))?)$ && ($v6 != *::* || ${#groups[@]} -lt 8) ]] && return
    fi
    echo "$1 names no server: write tcp://HOST:PORT, HOST:PORT or unix:/PATH" >&2
    exit 1
}

# Whether a value is JSON, of at most 127 levels, and a line short enough for the server. sed makes 1 of each string,
# 2 of each other value, and then of containers from the innermost outwards.
b='[\x80-\xBF]' # The bytes of UTF-8 after the first.
utf8="[\xC2-\xDF]$b|(\xE0[\xA0-\xBF]|[\xE1-\xEC\xEE\xEF]$b|\xED[\x80-\x9F])$b"
utf8+="|(\xF0[\x90-\xBF]|[\xF1-\xF3]$b|\xF4[\x80-\x8F])$b$b"
string='"([] !#-[^-\x7F]|\\(["\\\/bfnrt]|u[0-9A-Fa-f]{4}))*"'
other='-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null'
reduce="s/[\x01\x02]/!/g;s/$utf8/x/g;s/$string/\x01/g;s/$other/\x02/g;s/[ \t\r\n]//g;"
container='s/\[([\x01\x02](,[\x01\x02])*)?\]|\{(\x01:[\x01\x02](,\x01:[\x01\x02])*)?\}/\x02/g;'
reduce+=$(printf "$container%.0s" {1..127})
readable() { # VALUE LINE
    ((${#2} <= line_max)) && [[ $(LC_ALL=C sed -zE "$reduce" <<<"$1") == [$'\1\2'] ]]
}

# A new connection, as two ends of nc, on which a server has answered. -N closes nc's side as well when ours is closed.
from='' to='' writer='' nc='' line_max=$((16 << 20))
connect() {
    local folder
    disconnect
    folder=$(mktemp -d) && mkfifo "$folder/say" || exit
    exec {from}< <(exec nc -N "${address[@]}" <"$folder/say") {to}>"$folder/say"
    nc=$!
    rm -r "$folder" # Both ends are open.
    if say '{"cmd":"metrics"}' && hear 10 && [[ $line == *'"metrics":{'* ]]; then
        if [[ $line =~ \"max_line\":([0-9]+) ]]; then line_max=${BASH_REMATCH[1]}; fi
    else
        disconnect
        echo "no server answered at ${address[*]}, or TCP connected the port to itself" >&2
        return 1
    fi
}
disconnect() {
    if [[ $from ]]; then exec {from}<&- {to}>&-; kill "$nc" 2>/dev/null; from=''; fi
}
say() { printf '%s\n' "$1" 2>/dev/null >&"$to"; }

hear() { # The next line of the server, as $line. Fails when the connection is lost, or after as many seconds as given.
    local part end=$((SECONDS + ${1:-1000000000}))
    line=''
    until IFS= read -r -t 1 -u "$from" part; do
        (($? > 128 && SECONDS < end)) || return 1 # The connection is over, not only this second.
        kill -0 "$writer" 2>/dev/null || say '' || return 1 # Not into the middle of another's line.
        line+=$part
    done
    line+=${part%$'\r'}
}

members=${MEMBERS:-\{\}} members=,${members#\{} members=${members/#,\}/\}} # They end a line, with its last brace.
submit() {
    local what=$1 type=$2 results=() lines=() id=0 left arg line status=0
    shift 2
    readable "{\"\":0$members" '' && connect || { echo 'MEMBERS is no object, or no server is there' >&2; return 1; }
    for arg; do
        line='{"cmd":"do","id":'$((++id))',"type":"'"$type"'","arg":'"${arg//[$'\r\n']/ }${members//[$'\r\n']/ }"
        if readable "$arg" "$line"; then lines+=("$line"); continue; fi
        echo "job $id was not sent: it is not JSON, nests deeper than 128 levels, or is too long" >&2
        status=1
    done
    left=${#lines[@]}
    if [[ $what == cancel ]]; then for ((id = 1; id <= $#; id++)); do lines+=('{"cmd":"cancel","id":'$id'}'); done; fi
    for line in "${lines[@]}"; do say "$line"; done &
    writer=$! # At once with reading: nc does not write to us while it waits for us, and the other way round.
    while ((left)); do
        hear || { echo 'lost: the connection was lost; jobs may have been done or not' >&2; return 1; }
        [[ $line =~ ^\{\"cmd\":\"(did|progress|stored)\",\"id\":([0-9]+)[,\}] ]] || continue
        id=${BASH_REMATCH[2]} line=${BASH_REMATCH[1]}${line#*"$id"}
        case $line in
            stored*) echo stored >&2; continue ;; # By a bridge: the job will be done whatever fails.
            'progress,"data":'*) [[ ${results[id]+x} ]] || printf 'progress: %s\n' "${line:16:-1}" >&2; continue ;;
            'did,"err":'*) echo "the job failed: ${line#did,}" >&2; status=1 ;;
            'did,"res":'*) line=${line#'did,"res":'} results[id]=${line%\}} ;;
            *) results[id]=null ;;
        esac
        ((left--))
    done
    for ((id = 1; id <= $#; id++)); do [[ ${results[id]+x} ]] && printf '%s\n' "${results[id]}" || break; done
    return "$status"
}

answer() { # Answers $line, a job, by its number.
    local number=${line#*',"job":'} arg='' res part status attempt ref output
    output=$(mktemp) || exit
    [[ ${number:0:200} =~ ^([0-9]+)(,\"attempt\":([0-9]+))?(,\"run_limit_ms\":[0-9]+)?(,\"ref\":(\"[^\"]+\"))? ]]
    number=${BASH_REMATCH[1]} attempt=${BASH_REMATCH[3]:-1} ref=${BASH_REMATCH[6]:-null} # Of a worker with "ref":true.
    if [[ $line == *',"arg":'* ]]; then arg=${line#*',"arg":'} arg=${arg%\}}; fi
    # Without nc's ends: else the connection outlives us in a program. And `wait` may wait for nc instead, and for ever.
    while IFS= read -r part; do
        if readable "$part" "$part"; then say '{"cmd":"progress","job":'"$number"',"data":'"${part//$'\r'/ }}"; fi
    done < <(exec {from}<&- {to}>&-; (job "$arg") 3>&1 >"$output"; echo "$?" >"$output.status")
    status=$(<"$output.status") res=$(<"$output"); rm "$output" "$output.status"
    if ((status)); then
        say '{"cmd":"did","job":'"$number"',"err":"exit status '"$status"'"}'
    elif line='{"cmd":"did","job":'"$number"',"res":'"${res//[$'\r\n']/ }}"; readable "$res" "$line"; then
        say "$line"
    else
        say '{"cmd":"did","job":'"$number"',"err":"unreadable"}'
    fi
}

work() {
    local failures=0 ms line # From 50 ms to 10 s, and not the same for all that lost the same server.
    while :; do
        connect && say '{"cmd":"can_do","types":["'"$1"'"],"max_jobs":1'"$members" && failures=0
        while [[ $from ]] && hear; do [[ $line != '{"cmd":"do",'* ]] || answer; done # A lost one's results go nowhere.
        disconnect
        ms=$((50 << (failures < 7 ? failures++ : 7)))
        ms=$((ms + RANDOM % ms))
        sleep "$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
    done
}

parse_url "${DEPUTY_URL-}"
case ${1-} in do | cancel) submit "$@" ;; work) work "$2" ;; esac
