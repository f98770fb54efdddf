# What the scripts of this folder begin with: source "$(dirname "$0")/common.bash" LEAST "$@"
#
# Prints the comment at the head of the script if --help is given, or fewer than LEAST arguments, and
# says so if a tool is missing. Afterwards the working directory is the root.
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
missing() {
    echo "$1 is missing: $2" >&2
    exit 1
}
command -v aws > /dev/null || missing aws 'install the AWS command line (https://aws.amazon.com/cli/)'
command -v jq > /dev/null || missing jq 'apt-get install jq'
cd "$(dirname "$0")/.."
