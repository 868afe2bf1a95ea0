#!/bin/sh
# The launcher: runs one attempt at one task and leaves evidence of how it ended.
#
# It is what sge_shepherd was: the first process of the container (or of a local process that stands
# for one).  It claims the attempt, makes the job's environment, opens its files, starts the program
# in a session of its own, enforces time limits, passes on deletion, and writes one JSON object.
# POSIX sh (dash, bash, busybox sh) with mkdir ln cp rm mv sleep env setsid date.  It knows no Python and
# no Kubernetes.  Nothing a user wrote is ever read as shell text here: values are only expanded in
# quotes, and `eval` sees numbers and names of ours alone.
#
# Arguments: those of the program.  With GC_MODE raw, binary or loop the first is the program itself.
#
# Variables (set by translate/pod.py, some by the machine that runs pods as processes; those marked * may be absent):
#   GC_ROOT              directory of launcher/launcher.sh, job/script*, job/environment*
#   GC_SPOOL             directory for the copy of the script and the job's own files, this attempt's alone
#   GC_SPOOL_SHARED*     the same, shared with others: taken if this account may write there and no
#                        other job of that number is there
#   GC_TERMINATION_LOG*  where the evidence goes; /dev/termination-log
#   GC_LEFTOVERS*        file for the paths that somebody must remove if this process is killed
#   GC_ACTIVE*           file in which the job's own spool directory is noted
#   GC_STATE*            state directory of the cluster that the job's own commands speak to
#   GC_COMMANDS*         directory of the drop-ins, for the job's PATH, if no standard one has them
#   GC_POD_UID GC_HOST   this pod and the host it is on
#   GC_RUN_DIR GC_CLAIM  directory of claims and the name of this attempt's
#   GC_UNSEEN*           numbers of earlier attempts of which nobody knows whether they began
#   GC_MODE              script: run job/script; binary: words for a login shell (-b y);
#                        raw: no shell (-shell n); loop: again and again until it exits 0 (jstart)
#   GC_START_MODE        of the queue: unix_behavior, posix_compliant or script_from_stdin
#   GC_JOB_ID GC_JOB_NAME GC_TASK GC_QUEUE GC_RESTARTED GC_SLOTS GC_USER GC_HOME GC_ACCOUNT
#   GC_TASK_FIRST* GC_TASK_LAST* GC_TASK_STEP*   of an array
#   GC_CWD*              working directory; GC_HOME
#   GC_QUEUE_SHELL       the shell without -S
#   GC_COMMAND*          JOB_SCRIPT of a job without a script
#   GC_{STDIN,STDOUT,STDERR,SHELL}_{HOST,PATH}_n*   entry n = 0, 1, ... of -i -o -e -S
#   GC_MERGE*            y: -j y
#   GC_NOTIFY*           seconds between USR2 and KILL; absent: KILL at once
#   GC_H_RT* GC_S_RT* GC_H_CPU* GC_S_CPU*   seconds
#   GC_{H,S}_{VMEM,FSIZE,STACK,CORE,DATA,RSS}*   bytes
#   GC_PE*               parallel environment
#   GC_SUSPENDED*        file that holds "true" while the job is to be suspended; absent where others do that
#   GC_ENCODED*          names of those of these variables that are no UTF-8 and so are written for the
#                        format %b of printf; `args` for the arguments
#   GC_ARCH GC_BINARY_PATH GC_CELL GC_SGE_ROOT
#   GC_O_{HOME,HOST,LOGNAME,MAIL,PATH,SHELL,TZ,WORKDIR}*   of the submitting shell
# GRIDCOMPAT_POD_UID*: set on a machine that is not a container; the control group is not this job's then.
# File descriptor 9, if open, is a lock that must live exactly as long as this process.
#
# Exit status: the program's (128 + signal), 1 if it could not be started, 111 if the attempt is
# claimed by another launcher.

# POSIX mode: `wait` is interrupted by a trapped CHLD, and `jobs` speaks as it does in dash.
# shellcheck disable=SC3040  # bash alone
if [ -n "${BASH_VERSION:-}" ]; then set -o posix; fi
set -uf
umask 022
: "${PATH:=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"
export PATH
lang=${LANG:-C.UTF-8}
LC_ALL=C # the words of `jobs` and of error messages are read below
export LC_ALL
unset CDPATH
IFS=' 	
'
nl='
'
LOST=111
FOREVER=2147483647

scratch='' own='' tmp='' copy='' holder='' timers='' started=0
term='' overtime='' told=0 elsewhere='' since=''
count='' ticks_user=0 ticks_system=0

# ---------------------------------------------------------------- evidence

now() { # -> $now: epoch seconds with a fraction
    # shellcheck disable=SC3028  # bash has it; empty elsewhere
    now=${EPOCHREALTIME:-}
    [ -n "$now" ] && return
    now=$(date +%s.%N)
    case $now in *[!0-9.]* | '') now=$(date +%s) ;; esac
}

json() { # text -> $json: inside of a JSON string, at most about 1000 bytes, no control characters
    json='' rest=$1
    if [ "${#rest}" -gt 1000 ]; then rest=$(printf '%.1000s' "$rest"); fi
    while :; do
        case $rest in
            *[\\\"[:cntrl:]]*) ;;
            *) break ;;
        esac
        head=${rest%%[\\\"[:cntrl:]]*}
        rest=${rest#"$head"}
        char=${rest%"${rest#?}"}
        rest=${rest#?}
        case $char in
            \\ | \") json=$json$head\\$char ;;
            *) json="$json$head " ;;
        esac
    done
    json=$json$rest
}

seconds() { # 1m2.34s -> $seconds: 62.34
    minutes=${1%%m*}
    rest=${1#*m}
    rest=${rest%s}
    whole=${rest%%.*}
    fraction=${rest#*.}
    [ "$fraction" = "$rest" ] && fraction=0
    seconds=$((minutes * 60 + whole)).$fraction
}

more() { # seconds ticks -> $sum: a tick is a hundredth of a second on every Linux (USER_HZ)
    sum=$1
    [ "$2" -gt 0 ] || return 0
    fraction=${1#*.}00
    fraction=${fraction%"${fraction#??}"}
    set -- $((${1%%.*} * 100 + ${fraction#0} + $2))
    sum=$(($1 / 100)).$(($1 / 10 % 10))$(($1 % 10))
}

usage() { # -> $utime $stime $maxrss: of all children so far; KiB, 0 where nobody knows
    utime=0 stime=0 maxrss=0
    if [ -n "$scratch" ] && times >"$scratch/times" 2>/dev/null; then
        { read -r _ _ && read -r user system; } <"$scratch/times" 2>/dev/null || user=''
        case ${user:-x}${system:-x} in *[!0-9ms.]*) ;; *)
            seconds "$user" && utime=$seconds
            seconds "$system" && stime=$seconds
            ;;
        esac
    fi
    more "$utime" "$ticks_user" && utime=$sum
    more "$stime" "$ticks_system" && stime=$sum
    [ -n "${GRIDCOMPAT_POD_UID:-}" ] && return
    for peak in /sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory/memory.max_usage_in_bytes; do
        [ -r "$peak" ] || continue
        bytes=''
        read -r bytes <"$peak" 2>/dev/null
        case $bytes in '' | *[!0-9]*) ;; *) maxrss=$((bytes / 1024)) ;; esac
        return
    done
}

evidence() { # exit signal failed reason
    now
    usage
    # 37 is also what the grid says of a program that used up its h_cpu; the kernel only kills it.
    used=${utime%%.*}
    if [ "$2" = 9 ] && [ "$3" = 100 ] && [ -n "${GC_H_CPU:-}" ] && [ $((used + ${stime%%.*} + 1)) -ge "$GC_H_CPU" ]; then
        set -- "$1" "$2" 37 "$4"
    fi
    json "$4"
    line="{\"v\":1,\"start\":$started,\"end\":$now,\"exit\":$1,\"signal\":$2,\"utime\":$utime,\"stime\":$stime"
    line="$line,\"maxrss\":$maxrss,\"failed\":$3,\"told\":$told,\"reason\":\"$json\""
    [ -z "$elsewhere" ] || line="$line,\"elsewhere\":$elsewhere,\"since\":${since:-0}"
    line="$line}"
    # One write of less than 4096 bytes.  The kubelet has bound a file here; it cannot be renamed over.
    printf '%s\n' "$line" >"${GC_TERMINATION_LOG:-/dev/termination-log}"
    [ -n "$own" ] || return
    printf '%s\n' "$line" >"$own.json" && mv -f "$own.json" "$claim.json"
}

tidy() {
    if [ -n "$holder$timers" ]; then
        # shellcheck disable=SC2086  # a list of process ids
        kill -s KILL $holder $timers 2>/dev/null
    fi
    # The list goes first: what it names may be another job's as soon as it is gone.
    if [ -n "${GC_LEFTOVERS:-}" ] && [ -n "$scratch" ]; then
        # But the name of the job's own directory stays taken until its runner has ended what the job left,
        # which it finds by that name: until then it must be no other job's.
        rm -f -- "$GC_LEFTOVERS" && note "$scratch"
        set -- ${own:+"$own"} ${tmp:+"$tmp"} ${copy:+"$copy"}
    else
        set -- ${GC_LEFTOVERS:+"$GC_LEFTOVERS"} ${own:+"$own"} ${tmp:+"$tmp"} ${scratch:+"$scratch"} ${copy:+"$copy"}
    fi
    [ $# = 0 ] || rm -rf -- "$@"
}

# A claim must outlive every delayed creation of its pod; a day is far more.  Only what is named like a claim
# is touched: the directory may be a home by mistake.
sweep() {
    find "$GC_RUN_DIR" -maxdepth 1 -type f -mtime +1 \
        -name '????????-????-????-????-????????????-t[0-9]*-a[0-9]*' -exec rm -f -- {} + 2>/dev/null
}

fail() { # failed reason: the program was not started
    evidence 1 0 "$1" "$2"
    tidy
    exit 1
}

# ---------------------------------------------------------------- bytes

decode() { # text -> $decoded
    decoded=$(printf '%b.' "$1")
    decoded=${decoded%.}
}

decode_variables() {
    for name in ${GC_ENCODED:-}; do
        [ "$name" != args ] || continue
        eval "decode \"\$$name\"; $name=\$decoded"
    done
}

# ---------------------------------------------------------------- the claim

taken_by() { # claim -> $theirs: whose it is, after an attempt to make it ours; '' if nobody can say
    # The name of an attempt belongs to whoever links it first.  Read back after any answer: over NFS
    # a link may be made although the answer says it was not.
    ln -- "$ticket" "$1" 2>/dev/null
    theirs=''
    { read -r theirs <"$1"; } 2>/dev/null
}

claim_attempt() {
    claim=$GC_RUN_DIR/$GC_CLAIM
    [ -d "$GC_RUN_DIR" ] || mkdir -p -- "$GC_RUN_DIR"
    nonce=''
    read -r nonce </proc/sys/kernel/random/uuid
    mine="$GC_POD_UID ${nonce:-$$}"
    ticket=$claim.${nonce:-$$}
    if { printf '%s\n' "$mine"; } 2>/dev/null >"$ticket"; then :; else
        why=$({ true >"$ticket"; } 2>&1)
        strerror "$why" "$claim"
        fail 1 "can't claim the attempt in $GC_RUN_DIR: $strerror"
    fi
    taken_by "$claim"
    if [ "$theirs" != "$mine" ]; then
        rm -f -- "$ticket"
        [ -n "$theirs" ] || fail 1 "can't claim the attempt in $GC_RUN_DIR"
        elsewhere=${GC_CLAIM##*-a}
        evidence "$LOST" 0 0 "the attempt is claimed by pod ${theirs%% *}"
        exit "$LOST"
    fi
    own=$ticket
    # What began unseen on a host that is lost has a claim; what has none never begins from here on.
    for attempt in ${GC_UNSEEN:-}; do
        earlier=${GC_CLAIM%-a*}-a$attempt
        taken_by "$GC_RUN_DIR/$earlier"
        [ "$theirs" != "$mine" ] && [ -n "$theirs" ] || continue
        elsewhere=$attempt
        since=$(date -r "$GC_RUN_DIR/$earlier" +%s 2>/dev/null)
        evidence "$LOST" 0 0 "attempt $attempt was begun by pod ${theirs%% *}"
        tidy
        exit "$LOST"
    done
}

# ---------------------------------------------------------------- paths

strerror() { # message-of-the-shell path -> $strerror: the words of the C library
    strerror=${1##*: }
    case $strerror in
        *nonexistent* | *[Nn]'o such file'*)
            # dash says this of a path through a file, too.
            strerror='No such file or directory'
            at=$2
            while [ -n "$at" ] && [ ! -e "$at" ]; do
                case $at in */*) at=${at%/*} ;; *) at='' ;; esac
            done
            if [ -n "$at" ] && [ "$at" != "$2" ] && [ ! -d "$at" ]; then strerror='Not a directory'; fi
            ;;
        '') strerror='Permission denied' ;;
    esac
}

entry() { # STDIN|STDOUT|STDERR|SHELL -> $entry: the path for this host, '' for none
    entry='' n=0 any=''
    while :; do
        eval "path=\${GC_$1_PATH_$n:-} host=\${GC_$1_HOST_$n:-}"
        [ -n "$path" ] || break
        if [ -z "$host" ]; then
            [ -n "$any" ] || any=$path
        elif [ "$host" = "$GC_HOST" ] || [ "${host%%.*}" = "${GC_HOST%%.*}" ]; then
            entry=$path
            return
        fi
        n=$((n + 1))
    done
    entry=$any
}

expand() { # path -> $expanded: pseudo variables replaced once, as prefixes of what follows the $
    expanded='' rest=$1
    case $rest in
        \~ | \~/*) expanded=$GC_HOME rest=${rest#\~} ;;
    esac
    while :; do
        case $rest in *\$*) ;; *) break ;; esac
        expanded=$expanded${rest%%\$*}
        rest=${rest#*\$}
        case $rest in
            HOSTNAME*) expanded=$expanded$GC_HOST rest=${rest#HOSTNAME} ;;
            HOME*) expanded=$expanded$GC_HOME rest=${rest#HOME} ;;
            USER*) expanded=$expanded$GC_USER rest=${rest#USER} ;;
            JOB_ID*) expanded=$expanded$GC_JOB_ID rest=${rest#JOB_ID} ;;
            JOB_NAME*) expanded=$expanded$GC_JOB_NAME rest=${rest#JOB_NAME} ;;
            TASK_ID*) expanded=$expanded${GC_TASK_FIRST:+"$GC_TASK"} rest=${rest#TASK_ID}
                [ -n "${GC_TASK_FIRST:-}" ] || expanded=${expanded}0 ;;
            *) expanded="$expanded\$" ;;
        esac
    done
    expanded=$expanded$rest
}

absolute() { # path -> $absolute: below the job's working directory
    expand "$1"
    case $expanded in
        /*) absolute=$expanded ;;
        *) absolute=${cwd%/}/$expanded ;;
    esac
}

output() { # STDOUT|STDERR o|e -> $output: absolute path of the file
    entry "$1"
    absolute "${entry:-.}"
    output=$absolute
    if [ -z "$entry" ] || [ -d "$output" ]; then
        [ -n "$entry" ] || output=${cwd%/}
        output=${output%/}/$GC_JOB_NAME.$2$GC_JOB_ID${GC_TASK_FIRST:+".$GC_TASK"}
    fi
}

appendable() { # path; creates it, fails the attempt if it cannot be opened
    # Not `if !`: bash takes a redirection that fails for success there.
    { true; } 2>/dev/null >>"$1" && return
    why=$({ true >>"$1"; } 2>&1)
    strerror "$why" "$1"
    fail 26 "error: can't open output file \"$1\": $strerror"
}

open_files() { # leaves fd 3 4 5 open, the working directory set
    cwd=${GC_CWD:-$GC_HOME}
    case $cwd in /*) at=$cwd ;; *) at=./$cwd ;; esac
    if ! cd "$at" 2>/dev/null; then
        why=$({ true <"$at/."; } 2>&1)
        strerror "$why" "$at/."
        fail 28 "error: can't chdir to $cwd: $strerror"
    fi
    case $cwd in /*) ;; *) cwd=$(pwd) ;; esac
    entry STDIN
    stdin=/dev/null
    if [ -n "$entry" ]; then
        absolute "$entry"
        stdin=$absolute
    fi
    [ ! -d "$stdin" ] || fail 26 "\"$stdin\" is a directory not a file"
    { true; } 2>/dev/null <"$stdin" || fail 26 "error: can't open $stdin as dummy input file"
    output STDOUT o
    stdout=$output stderr=$output
    appendable "$stdout"
    if [ "${GC_MERGE:-}" != y ]; then
        output STDERR e
        stderr=$output
        appendable "$stderr"
    fi
    exec 3<"$stdin" 4>>"$stdout" 5>>"$stderr"
}

# ---------------------------------------------------------------- the program

no_program() { # error program words...: for the reason text of qstat -j
    error=$1 program=$2
    shift 2
    words=''
    for word; do words="$words${words:+ }\"$word\""; done
    fail 27 "execvlp($program, $words) failed: $error"
}

runnable() { # path -> $error: why execve would refuse it; '' if it would not
    error=''
    if [ ! -e "$1" ]; then
        strerror 'No such file' "$1"
        error=$strerror
    elif [ -d "$1" ] || [ ! -x "$1" ]; then
        error='Permission denied'
    fi
}

interpreter() { # script -> $interpreter: of its #! line, '' if it has none
    interpreter='' first=''
    { IFS='' read -r first || :; } <"$1"
    case $first in '#!'*) ;; *) return ;; esac
    rest=${first#'#!'}
    while :; do
        case $rest in ' '* | '	'*) rest=${rest#?} ;; *) break ;; esac
    done
    interpreter=${rest%%[ 	]*}
}

login() { # shell -> $login: its name as a login shell, $flag: the option that makes it one
    login=-${1##*/}
    case ${1##*/} in
        # With -c the word after the command is $0, so messages begin with `-sh: ` as on the grid.
        sh | bash | dash | ash | ksh | ksh93 | mksh | zsh | busybox) flag=-l ;;
        *) flag='' ;;
    esac
}

# One loop for all continuous jobs; the program and its arguments are its parameters.
# shellcheck disable=SC2016  # expanded by the sh that runs it
LOOP='until "$@"; do
    code=$?
    printf "[%s] %s exited with code %s. Respawning...\n" "$(date +%Y-%m-%dT%H:%M:%S)" "$1" "$code" >&2
    sleep 5
done'

note() { # path that was just made
    [ -z "${GC_LEFTOVERS:-}" ] || printf '%s\n' "$1" >>"$GC_LEFTOVERS"
}

take_spool() { # directory -> $active $script, the job's alone; false if that cannot be
    active=$1/active_jobs/$GC_JOB_ID.$GC_TASK
    script=$1/job_scripts/$GC_JOB_ID
    mkdir -p -- "$1/active_jobs" "$1/job_scripts" 2>/dev/null || return
    mkdir -- "$active" 2>/dev/null || return
    note "$active"
    [ -z "${GC_ACTIVE:-}" ] || printf '%s\n' "$active" >"$GC_ACTIVE"
    # The job's own commands look here for the cluster that the job is in.
    [ -z "${GC_STATE:-}" ] || printf '%s\n' "$GC_STATE" >"$active/cluster"
    [ "$GC_MODE" = script ] || return 0
    # The source has mode 0755; so has the copy.  A link, since it never takes what is somebody else's.
    if cp -- "$GC_ROOT/job/script" "$active/script" && ln -- "$active/script" "$script" 2>/dev/null; then
        note "$script"
        copy=$script
        return
    fi
    rm -rf -- "$active"
    return 1
}

spool() {
    if [ -z "${GC_SPOOL_SHARED:-}" ] || ! take_spool "$GC_SPOOL_SHARED/$GC_HOST"; then
        take_spool "$GC_SPOOL/$GC_HOST" || fail 1 "can't spool the job in $GC_SPOOL"
    fi
    scratch=$active
    # Fresh, or somewhere else: what is there already may belong to a job of the same number.
    tmp=/tmp/$GC_JOB_ID.$GC_TASK.$GC_QUEUE
    if ! mkdir -- "$tmp" 2>/dev/null; then
        # Another cluster of this machine has a job of that number; scripts may know the last part.
        tmp=$active/tmp/${tmp##*/}
        mkdir -p -- "$tmp" || { tmp='' && fail 1 "can't create directory $active/tmp"; }
    fi
    note "$tmp"
    if [ -n "${GC_PE:-}" ]; then
        printf '%s\n' "$GC_HOST $GC_SLOTS $GC_QUEUE@$GC_HOST UNDEFINED" >"$active/pe_hostfile" ||
            fail 1 "can't write $active/pe_hostfile"
    fi
}

launch_script() { # arguments
    if [ "$GC_START_MODE" = unix_behavior ]; then
        interpreter "$script"
        if [ -z "$interpreter" ]; then
            launch /bin/sh "$script" "$@"
            return
        fi
        runnable "$interpreter"
        [ -z "$error" ] || no_program "$error" "$script" "$script" "$@"
        launch "$script" "$@"
        return
    fi
    login "$shell"
    runnable "$shell"
    if [ "$GC_START_MODE" = script_from_stdin ]; then
        [ -z "$error" ] || no_program "$error" "$shell" "$login" "-s" "$@"
        exec 3<"$script"
        launch "$shell" ${flag:+"$flag"} -s -- "$@"
        return
    fi
    [ -z "$error" ] || no_program "$error" "$shell" "$login" "$script" "$@"
    launch "$shell" ${flag:+"$flag"} "$script" "$@"
}

launch_binary() { # program and arguments: words of a command line, as on the grid
    words="$* "
    login "$shell"
    runnable "$shell"
    [ -z "$error" ] || no_program "$error" "$shell" "$login" -c "$words"
    # The login files make a PATH of their own.
    # shellcheck disable=SC2016
    [ -z "${GC_COMMANDS:-}" ] || [ -z "$flag" ] || words='PATH=$1:$PATH; shift; '$words
    launch "$shell" ${flag:+"$flag"} -c "$words" "$login" ${GC_COMMANDS:+"$GC_COMMANDS"}
}

launch_raw() { # program and arguments
    case $1 in
        */*) runnable "$1" ;;
        *)
            error='No such file or directory'
            IFS=:
            for directory in $search; do
                IFS=' 	
'
                runnable "${directory:-.}/$1"
                [ -n "$error" ] || break
            done
            IFS=' 	
'
            ;;
    esac
    [ -z "$error" ] || no_program "$error" "$1" "$@"
    launch "$@"
}

search_path() { # -> $search: PATH of the job, the user's behind the job's own directory
    search=/usr/local/bin:/bin:/usr/bin
    set --
    # shellcheck disable=SC1091
    [ ! -r "$GC_ROOT/job/environment" ] || . "$GC_ROOT/job/environment"
    for word; do
        case $word in PATH=*) search=${word#PATH=} ;; esac
    done
    case ":$search:" in
        *":${GC_COMMANDS:-}:"*) search=$tmp:$search ;;
        *) search=$tmp:${GC_COMMANDS:+$GC_COMMANDS:}$search ;;
    esac
}

# The order in which env sees assignments decides: defaults, the user's, then what no user may change.
launch() { # program and arguments: starts it, sets $pid
    # env would take such a program for an assignment.
    # shellcheck disable=SC2016
    case $1 in *=*) set -- /bin/sh -c 'exec "$@"' sh "$@" ;; esac
    task=undefined
    [ -z "${GC_TASK_FIRST:-}" ] || task=$GC_TASK
    count=$#
    set -- "$@" TERM= "LANG=$lang"
    if [ -r "$GC_ROOT/job/environment" ]; then
        # Text of our own making: one `set -- "$@" 'NAME=value'` a line.
        # shellcheck disable=SC1091
        . "$GC_ROOT/job/environment"
    fi
    set -- "$@" "ARC=$GC_ARCH" "SGE_ARCH=$GC_ARCH" ENVIRONMENT=BATCH \
        "HOME=$GC_HOME" "USER=$GC_USER" "LOGNAME=$GC_USER" "HOSTNAME=$GC_HOST" \
        "JOB_ID=$GC_JOB_ID" "JOB_NAME=$GC_JOB_NAME" "REQNAME=$GC_JOB_NAME" "REQUEST=$GC_JOB_NAME" \
        "JOB_SCRIPT=$job_script" "QUEUE=$GC_QUEUE" NHOSTS=1 NQUEUES=1 "NSLOTS=$GC_SLOTS" \
        "RESTARTED=$GC_RESTARTED" "PATH=$search" "PWD=$cwd" "SHELL=$shell" "SGE_ACCOUNT=$GC_ACCOUNT" \
        "SGE_BINARY_PATH=$GC_BINARY_PATH" "SGE_CELL=$GC_CELL" "SGE_ROOT=$GC_SGE_ROOT" \
        "SGE_CWD_PATH=$cwd" "SGE_JOB_SPOOL_DIR=$active" \
        "SGE_STDIN_PATH=$stdin" "SGE_STDOUT_PATH=$stdout" "SGE_STDERR_PATH=$stderr" \
        "SGE_TASK_ID=$task" "SGE_TASK_FIRST=${GC_TASK_FIRST:-undefined}" \
        "SGE_TASK_LAST=${GC_TASK_LAST:-undefined}" "SGE_TASK_STEPSIZE=${GC_TASK_STEP:-undefined}" \
        "TMP=$tmp" "TMPDIR=$tmp"
    [ -z "${GC_PE:-}" ] || set -- "$@" "PE=$GC_PE" "PE_HOSTFILE=$active/pe_hostfile"
    for name in HOME HOST LOGNAME MAIL PATH SHELL TZ WORKDIR; do
        eval "value=\${GC_O_$name-}; [ -z \"\${GC_O_$name+x}\" ]" || set -- "$@" "SGE_O_$name=$value"
    done
    # The program and its arguments go to the end; only numbers are evaluated.
    order='' n=$((count + 1))
    while [ "$n" -le $# ]; do
        order="$order \"\${$n}\"" n=$((n + 1))
    done
    n=1
    while [ "$n" -le "$count" ]; do
        order="$order \"\${$n}\"" n=$((n + 1))
    done
    eval "set -- $order"
    # A list run with & ignores INT and QUIT, and sh cannot undo that; env of coreutils 8.31 can (busybox
    # sh would take its own).  With another env the program starts with these two ignored.
    clean='' env=/usr/bin/env
    [ -x "$env" ] || env="env"
    "$env" --default-signal true 2>/dev/null && clean=--default-signal
    trap 'wake' CHLD
    (
        limits
        exec setsid "$env" ${clean:+"$clean"} -i "$@" <&3 >&4 2>&5 3<&- 4>&- 5>&- 9>&-
    ) &
    pid=$!
    exec 3<&- 4>&- 5>&-
    now
    started=$now
}

limit() { # H|S name ulimit-option unit: both limits for H, the soft one for S
    eval "value=\${GC_$1_$2:-}"
    [ -n "$value" ] || return 0
    # A limit above the hard one that is there cannot be set, and need not be.
    if [ "$1" = H ]; then
        ulimit "$3" $((value / $4)) 2>/dev/null
    else
        # shellcheck disable=SC3045  # all three know -S
        ulimit -S "$3" $((value / $4)) 2>/dev/null
    fi
}

limits() {
    # What nobody limits goes as far as it may: soft limits that a node's runtime sets (often no core files)
    # are no wish of the site's. Not the number of open files: programs walk through all of them.
    for option in -c -d -f -m -s -t -v; do
        # shellcheck disable=SC3045  # all three know -S and -H
        ulimit -S "$option" "$(ulimit -H "$option")" 2>/dev/null
    done
    for kind in H S; do
        limit "$kind" CPU -t 1
        limit "$kind" FSIZE -f 512
        limit "$kind" CORE -c 512
        limit "$kind" DATA -d 1024
        limit "$kind" STACK -s 1024
        limit "$kind" RSS -m 1024
    done
    limit H VMEM -v 1024
    limit S VMEM -v 1024
}

# ---------------------------------------------------------------- its life and end

# shellcheck disable=SC2317  # called by traps
wake() { # from traps: ends the wait below, whatever it waits for
    # KILL: before its exec the process has the handlers of this one, and TERM would be lost.
    [ -z "$holder" ] || kill -s KILL "$holder" 2>/dev/null
}

session() { # -> $session: living processes of the job's session; $others: those in groups of their own
    # With $count the time is added up that nobody will have waited for: of all but the program itself.
    session='' others=''
    set +f
    for stat in /proc/[0-9]*/stat; do
        line=''
        # A program may have any name, so the fields begin behind the last parenthesis.
        while read -r part; do line=$line$part; done 2>/dev/null <"$stat"
        number=${stat#/proc/}
        # shellcheck disable=SC2086  # fields
        set -- ${line##*) }
        [ "${4:-}" = "$pid" ] || continue
        if [ -n "$count" ] && [ "${number%/stat}" != "$pid" ]; then
            ticks_user=$((ticks_user + ${12} + ${14})) ticks_system=$((ticks_system + ${13} + ${15}))
        fi
        [ "$1" != Z ] || continue
        session="$session ${number%/stat}"
        [ "$3" = "$pid" ] || others="$others ${number%/stat}"
    done
    set -f
}

signal() { # name: to every process of the job
    # The group at one stroke, since by the time a list is made its children may be others.
    kill -s "$1" -- "-$pid" 2>/dev/null
    session
    # shellcheck disable=SC2086  # process ids
    [ -z "$others" ] || kill -s "$1" $others 2>/dev/null
}

finish() { # KILL until nothing is left of the session, for what forks meanwhile
    # Stopped first, so that none waits for another whose time has been counted.
    count=yes
    signal STOP
    count=''
    [ -n "$session" ] || return
    tries=0
    while [ "$tries" -lt 20 ]; do
        signal KILL
        [ -n "$session" ] || return
        tries=$((tries + 1))
    done
}

ended() { # whether the program is over; -> $status $died (signal number)
    jobs -l >"$scratch/jobs" 2>/dev/null
    state=''
    # By its process id: bash forgets a job that died of a signal, and gives its number to the next.
    while read -r number word; do
        word=${word#[+-]}
        word=${word#"${word%%[! ]*}"}
        case $word in "$pid "*) state=${word#"$pid "} && break ;; esac
    done <"$scratch/jobs"
    state=${state#"${state%%[! ]*}"}
    died=0
    case $state in
        Running* | Stopped*) return 1 ;;
        'Done('*)
            status=${state#'Done('}
            status=${status%%')'*}
            return
            ;;
        Done*)
            status=0
            return
            ;;
        Hangup*) died=1 ;;
        Interrupt*) died=2 ;;
        Quit*) died=3 ;;
        'Illegal instruction'*) died=4 ;;
        Trace*) died=5 ;;
        Abort*) died=6 ;;
        'Bus error'*) died=7 ;;
        Floating* | Arithmetic*) died=8 ;;
        Killed*) died=9 ;;
        User?defined?signal?1*) died=10 ;;
        Segmentation*) died=11 ;;
        User?defined?signal?2*) died=12 ;;
        'Broken pipe'*) died=13 ;;
        Alarm*) died=14 ;;
        Terminated*) died=15 ;;
        'Stack fault'*) died=16 ;;
        CPU*) died=24 ;;
        'File size'*) died=25 ;;
        Virtual*) died=26 ;;
        Profiling*) died=27 ;;
        'I/O'*) died=29 ;;
        Power*) died=30 ;;
        'Bad system call'*) died=31 ;;
        Real*) died=34 ;;
        *)
            # No line: the shell has forgotten the job, but not its status.
            wait "$pid"
            status=$?
            [ "$status" -le 128 ] || died=$((status - 128))
            return
            ;;
    esac
    status=$((128 + died))
}

timer() { # seconds -> $timer: a process that ends then, and thereby wakes this one
    sleep "$1" >/dev/null 2>&1 3<&- 9>&- &
    timer=$!
    timers="$timers $timer"
}

passed() { # timer: whether its time is over
    [ -n "$1" ] && ! kill -0 "$1" 2>/dev/null
}

stop() { # the way a job is ended: warned if it asked for that, then killed
    [ -z "$term" ] || told=1
    if [ -z "${GC_NOTIFY:-}" ] || passed "$grace"; then
        kill -s KILL "$pid" 2>/dev/null # it may not have got as far as a session of its own
        finish
    elif [ -z "$grace" ]; then
        signal USR2
        signal CONT # a suspended job could not act on it
        timer "$GC_NOTIFY"
        grace=$timer
    fi
}

suspend_when_told() { # for ever, beside the program: no signal tells when the file changes
    was=''
    while sleep 2; do
        want=''
        { read -r want <"$GC_SUSPENDED"; } 2>/dev/null
        [ "$want" != "$was" ] || continue
        was=$want
        if [ "$want" = true ]; then signal STOP; else signal CONT; fi
    done
}

attend() { # until the program is over
    # bash may begin to wait just when a trap is due, and then runs it only after the wait.  So it waits no
    # longer than the program has run until then, half a minute at most.
    nap=$FOREVER
    [ -z "${BASH_VERSION:-}" ] || nap=1
    while :; do
        sleep "$nap" >/dev/null 2>&1 3<&- 9>&- &
        holder=$!
        # This also reaps what has ended, timers too.
        ended && return
        if passed "$soft"; then
            soft=''
            signal USR1
        fi
        if passed "$hard"; then overtime=yes; fi
        [ -z "$term$overtime" ] || stop
        # A signal from now on kills what is waited for.
        while kill -0 "$holder" 2>/dev/null; do wait "$holder" 2>/dev/null; done
        holder=''
        if [ "$nap" -lt 30 ]; then nap=$((nap * 2)); fi
    done
}

# ---------------------------------------------------------------- all of it

trap 'term=yes; wake' TERM

decode_variables
claim_attempt
case " ${GC_ENCODED:-} " in
    *' args '*)
        for word; do
            shift
            decode "$word"
            set -- "$@" "$decoded"
        done
        ;;
esac
command -v setsid >/dev/null || fail 1 "there is no setsid in the image"
case $GC_MODE$* in
    loop*) ;;
    *"$nl"*)
        # The grid's execution daemon reads one argument a line, and loses the rest.
        for word; do
            shift
            set -- "$@" "${word%%"$nl"*}"
        done
        ;;
esac
open_files
entry SHELL
expand "${entry:-$GC_QUEUE_SHELL}"
shell=$expanded
spool
job_script=${GC_COMMAND:-$script}
search_path
[ -z "$term" ] || fail 0 "ended before it began"
case $GC_MODE in
    script) launch_script "$@" ;;
    binary) launch_binary "$@" ;;
    raw) launch_raw "$@" ;;
    loop) launch /bin/sh -c "$LOOP" "$script" "$@" ;;
    *) fail 1 "unknown mode $GC_MODE" ;;
esac
cd /
hard='' soft='' grace=''
if [ -n "${GC_H_RT:-}" ]; then
    timer "$GC_H_RT"
    hard=$timer
fi
if [ -n "${GC_S_RT:-}" ]; then
    timer "$GC_S_RT"
    soft=$timer
fi
if [ -n "${GC_SUSPENDED:-}" ]; then
    suspend_when_told >/dev/null 2>&1 3<&- 9>&- &
    timers="$timers $!"
fi
attend
finish
failed=0 reason=''
if [ "$died" != 0 ]; then
    failed=100
    if [ -n "$overtime" ] && [ "$died" = 9 ]; then failed=37; fi
    reason="died through signal $died"
fi
# What was over before it could be ended has not been ended.
if [ "$failed" = 37 ]; then told=0; fi
if [ "$died" != 9 ] && [ -z "$grace" ]; then told=0; fi
evidence "$status" "$died" "$failed" "$reason"
tidy
sweep
exit "$status"
