#!/usr/bin/env bash
# Deputy's client for a shell, with nc (netcat-openbsd), to copy. The server is DEPUTY_URL.
#   deputy.sh do TYPE JSON...   submits the jobs at once, waits, and prints the results, one a line, in this order.
#   deputy.sh work TYPE         does jobs for ever, one at a time, by the function `job`: put your own there.
# It knows no JSON: it cuts the server's lines where their members stand today, so that a member which a later server
# adds may end up in an arg or a result. It has no connect time-out, no TCP_NODELAY and no limit for the length of a
# line, and reads a byte at a time. nc does not tell that the server has closed the connection before it writes to it:
# an empty line each second is for that, and for servers that are gone without a word (for a quarter of an hour).
set -u
LC_ALL=C # A byte is a character, wherever a line is cut.
trap '' PIPE # A write to an nc that is gone just fails.
url=${DEPUTY_URL:-tcp://127.0.0.1:11746}
# Gets the arg as JSON, and prints the result as JSON. If it fails, so does the job.
# To try it out: sleeps for the arg's "seconds", and gives the arg back. Fails without arg.
job() {
    if [[ $1 =~ ^\{\"seconds\":([0-9.]+) ]]; then sleep "${BASH_REMATCH[1]}"; fi
    printf '%s' "${1:?is missing}"
}

# A new connection, as two ends of nc. The former one ends with its own ends: -N passes that on, even if we are killed.
from='' to='' writer=''
connect() {
    if [[ $from ]]; then exec {from}<&- {to}>&-; fi
    local address=${url#*:} folder
    address=${address#//}
    local host=${address%:*}
    if [[ $url == unix:* ]]; then set -- -U "$address"; else set -- "${host//[\[\]]/}" "${address##*:}"; fi
    folder=$(mktemp -d) && mkfifo "$folder/say" || exit
    exec {from}< <(exec nc -N "$@" <"$folder/say") {to}>"$folder/say"
    rm -r "$folder" # Both ends are open.
}

say() {
    printf '%s\n' "$1" 2>/dev/null >&"$to"
}

# The next line of the server, as $line; fails when the connection is lost.
hear() {
    local part
    line=''
    until IFS= read -r -t 1 -u "$from" part; do
        (($? > 128)) || return 1 # The connection is over, not the time.
        kill -0 "$writer" 2>/dev/null || say '' || return 1 # Not into the middle of another's line.
        line+=$part
    done
    line+=${part%$'\r'}
}

submit() {
    local type=$1 results=() id=0 left arg
    shift
    connect
    left=$#
    for arg; do
        say '{"cmd":"do","id":'$((++id))',"type":"'"$type"'","arg":'"${arg//$'\n'/ }}"
    done &
    writer=$! # At once with reading: nc does not write to us while it waits for us, and the other way round.
    while ((left)); do
        hear || { echo 'lost: the connection was lost; jobs may have been done or not' >&2; return 1; }
        [[ $line =~ ^\{\"cmd\":\"did\",\"id\":([0-9]+)[,\}] ]] || continue
        id=${BASH_REMATCH[1]} line=${line#*"$id"}
        case $line in
            ',"err":'*) echo "the job failed: ${line#,}" >&2; return 1 ;;
            ',"res":'*) line=${line#',"res":'} results[id]=${line%\}} ;;
            *) results[id]=null ;;
        esac
        ((left--))
    done
    printf '%s\n' "${results[@]}"
}

# Answers $line, a job, by its number.
answer() {
    local number=${line#*',"job":'} arg='' res
    number=${number%%[!0-9]*}
    if [[ $line == *',"arg":'* ]]; then arg=${line#*',"arg":'} arg=${arg%\}}; fi
    # Without nc's ends: the connection is not to live on in a program that we started, if we are killed.
    if res=$(exec {from}<&- {to}>&-; job "$arg"); then
        say '{"cmd":"did","job":'"$number"',"res":'"${res//$'\n'/ }}"
    else
        say '{"cmd":"did","job":'"$number"',"err":"the command failed with '"$?"'"}'
    fi
}

work() {
    local failures=0 ms line # From 50 ms to 10 s, and not the same for all that lost the same server.
    while connect; do
        say '{"cmd":"can_do","types":["'"$1"'"],"max_jobs":1}' && say '{"cmd":"ping"}'
        while hear; do
            failures=0
            if [[ $line == '{"cmd":"do",'* ]]; then answer; fi # The result of a lost connection goes nowhere.
        done
        ms=$((50 << (failures < 7 ? failures++ : 7)))
        ms=$((ms + RANDOM % ms))
        sleep "$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
    done
}

case $1 in do) submit "${@:2}" ;; work) work "$2" ;; esac
