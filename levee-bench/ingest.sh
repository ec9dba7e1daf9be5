#!/usr/bin/env bash
# Ingests the scheduler events of ../shared/data from gzip, with the two indexes of their spec, into fresh stores. Prints
# records a second of each run, and the median and the peak resident set of all.
#
#   levee-bench/ingest.sh [RUNS] [FILE.ndjson.gz]     5 runs of borg_task_events; the table is that of the file's name
#
#   LEVEE_JAVA_OPTS   JVM options, such as -Xmx256m: see ./levee
#   TMPDIR            where the stores go, and are removed from: the file system to be measured
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
runs=${1:-5}
file=${2:-$root/../shared/data/borg_task_events.ndjson.gz}
table=$(basename -- "$file" .ndjson.gz)
spec=$root/examples/specs/$table.yaml

die() {
  printf 'ingest.sh: %s\n' "$*" >&2
  exit 1
}
[[ $runs =~ ^[1-9][0-9]*$ ]] || die "RUNS must be a number from 1 (got '$runs')"
[[ -r $file ]] || die "$file is not there"
[[ -r $spec ]] || die "$spec is not there"

"$root/levee" --help >/dev/null # builds where needed, outside of what is measured
export LEVEE_NO_BUILD=1

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$work/report"; }

# The peak is the kernel's own (VmHWM), which never falls: read every 50 ms, it misses at most what the last 50 ms add.
ingest() {
  "$root/levee" ingest "$table" "$file" --spec "$spec" --store "$work/history" --json >"$work/report" 2>"$work/log" &
  local pid=$! now
  peak=0
  while now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null) && [[ -n $now ]]; do
    peak=$now
    sleep 0.05
  done
  wait "$pid" || die "ingest failed: $(cat "$work/log")"
}

printf '%s, %s processors, load %s\n' "$table" "$(getconf _NPROCESSORS_ONLN)" "$(cut -d' ' -f1-3 /proc/loadavg)"
rates=()
highest=0
for ((run = 1; run <= runs; run++)); do
  rm -rf -- "$work/history"
  ingest
  read=$(field read)
  [[ $(field stored) == "$read" && $(field lost) == 0 ]] || die "not every record was stored: $(cat "$work/report")"
  rate=$(awk -v n="$read" -v s="$(field seconds)" 'BEGIN { printf "%d", n / s }')
  rates+=("$rate")
  ((peak > highest)) && highest=$peak
  printf 'run %d: %s records in %s s, %s records/s, peak resident %d MiB, load %s\n' \
    "$run" "$read" "$(field seconds)" "$rate" $((peak / 1024)) "$(cut -d' ' -f1 /proc/loadavg)"
done
median=$(printf '%s\n' "${rates[@]}" | sort -n | sed -n "$(((runs + 1) / 2))p")
printf 'median %s records/s, highest peak resident %d MiB\n' "$median" $((highest / 1024))
