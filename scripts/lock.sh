#!/usr/bin/env bash
# Writes requirements/: airflow-*.txt, one lock for each Airflow minor, bench.txt, and without Airflow screenshots.txt
# and audit.txt:  UV=path/to/uv scripts/lock.sh
#
# A lock has only names, versions and environment markers, so that it works with any index. It is valid for every
# Python from 3.10 on that its Airflow supports; providers that dropped 3.10 are listed twice.
set -euo pipefail
cd "$(dirname "$0")/.."
UV=${UV:-uv}
# Like pip: the system's certificates may include a proxy's.
export UV_SYSTEM_CERTS=true

# lock MINOR VERSION DATE "GROUPS" [CONSTRAINT…]: lock the packages of DATE
lock() {
    local name=airflow-$1 version=$2 date=$3 groups=() group
    for group in $4; do groups+=(--group "$group"); done
    shift 4
    write "$name" "Airflow $version" "$date" "apache-airflow==$version $*" "${groups[@]}" pyproject.toml
}

# write NAME WHAT DATE "CONSTRAINTS" ARGUMENT…: requirements/NAME.txt, by uv with ARGUMENTs
write() {
    local target=requirements/$1.txt what=$2 date=$3
    echo "$target: $what with the packages of $date"
    # shellcheck disable=SC2086 # a constraint is a word
    printf '%s\n' $4 >"$constraints"
    shift 4
    {
        echo "# $what with the packages of $date, written by: make lock"
        "$UV" pip compile --quiet --universal --python-version 3.10 --exclude-newer "$date" "${safe[@]}" \
            --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
            --constraints "$constraints" "$@"
    } >"$target.new"
    mv "$target.new" "$target"
}

constraints=$(mktemp)
trap 'rm -f "$constraints" requirements/*.new' EXIT
newest=2026-11-20
# What reads a server's answers, and what its fixed releases need, is as new as its fixes, whatever the Airflow.
safe=()
for package in aiohttp multidict yarl propcache requests urllib3 certifi; do
    safe+=(--exclude-newer-package "$package=$newest")
done

# If an Airflow doesn't start with the newest packages, its date is an earlier one.
lock 2.11 2.11.2 "$newest" test
# 3.0 fails with later pydantics, and its ObjectStoragePath with universal-pathlib 0.3; with FastAPI 0.118 or later its
# API answers before it commits, so that tasks are sometimes killed as "running elsewhere". This lock also pins the
# minimum versions of the provider's own requirements, so that they are tested.
lock 3.0 3.0.6 2026-01-31 test \
    'universal-pathlib<0.3' 'fastapi<0.118' apache-airflow-providers-common-compat==1.12.0 requests==2.33.0 urllib3==2.7.0 aiohttp==3.14.5 msgspec==0.19.0
lock 3.1 3.1.8 "$newest" test
# 3.2 fails with later FastAPIs.
lock 3.2 3.2.2 2026-06-01 test
lock 3.3 3.3.2 "$newest" "test lint lineage docs"
# The peers beside which the benchmarks measure the provider.
write bench 'Airflow 3.3.2' "$newest" apache-airflow==3.3.2 benchmarks/requirements.in pyproject.toml
# What takes the documentation's screenshots.
write screenshots Playwright "$newest" '' - <<<'playwright>=1.50'
# What asks for known holes.
write audit pip-audit "$newest" '' - <<<'pip-audit>=2.9'
