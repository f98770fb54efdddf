# The common start of the Bash scripts in this folder:
#
#     source "$(dirname "$0")/common.bash" MINIMUM "$@"
#
# Prints the comment at the top of the script if --help is given, or if there are fewer than MINIMUM
# arguments. Ends the script if a tool is missing. Changes the working directory to the root of the
# repository.
set -euo pipefail
usage() {
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}
if [[ ${2-} == --help ]]; then
    usage
    exit
elif (($# <= $1)); then
    usage >&2
    exit 2
fi
require() {
    command -v "$1" > /dev/null && return
    echo "$1 is missing: $2" >&2
    exit 1
}
require aws 'install the AWS command line (https://aws.amazon.com/cli/)'
require jq 'apt-get install jq'
cd "$(dirname "$0")/.."
