# Uses deputy.sh as a program would: `driver.sh CLIENT MODE ARGS...`. The modes are those of ../drivers.rs.
client=$1 mode=$2
shift 2
arguments=("$@")
set --
unset DEPUTY_URL_KEPT
DEPUTY_URL_KEPT=${DEPUTY_URL-}
DEPUTY_URL='' source "$client"

urls() {
    local value said
    for value in "${arguments[@]}"; do
        if said=$(parse_url "$value" 2>&1 && printf '%s\n' "${address[*]}"); then
            case $said in '-U -- '*) echo "unix ${said#-U -- }" ;; *) echo "tcp ${said#-- }" ;; esac
        else
            [[ $said == *"$value"* ]] && echo error || printf '%s\n' "$said"
        fi
    done
}

job() {
    case $1 in
        '"nan"') echo NaN ;;
        '"deep"') printf '[%.0s' {1..200} && printf ']%.0s' {1..200} ;;
        '"binary"') printf '"\xff"' ;;
        '"surrogates"') printf '"\xed\xa0\x80"' ;;
        '"no-json"') echo '{"a":1,}' ;;
        '"two"') echo '1 2' ;;
        '"empty"') ;;
        '"exit"') exit 3 ;;
        '"long"') printf '"' && head -c $((17 << 20)) /dev/zero | tr '\0' x && printf '"' ;;
        *) printf '%s' "$1" ;;
    esac
}

if [[ $mode == urls ]]; then
    urls
else
    parse_url "$DEPUTY_URL_KEPT"
    work any
fi
