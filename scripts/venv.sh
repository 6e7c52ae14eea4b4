#!/bin/sh
# Make the virtual environment of one Airflow from its lock:  scripts/venv.sh 3.3 .venv/airflow-3.3
# PYTHON is the interpreter; by default the first one in PATH that this Airflow supports.
set -eu
airflow=$1
folder=$2

case $airflow in
    2.11 | 3.0) newest=12 ;;
    3.1) newest=13 ;;
    *) newest=14 ;;
esac

fits() {
    "$1" -c "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $newest))" 2>/dev/null
}

if [ -z "${PYTHON:-}" ]; then
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        if fits "$candidate"; then
            PYTHON=$candidate
            break
        fi
    done
fi
if ! fits "${PYTHON:-none}"; then
    echo "Airflow $airflow needs Python 3.10 to 3.$newest; found: ${PYTHON:-none}." \
        "Install one and set PYTHON, for example: make test AIRFLOW=$airflow PYTHON=python3.12" >&2
    exit 1
fi

echo "Creating $folder with $("$PYTHON" --version): once, about a minute"
"$PYTHON" -m venv --clear "$folder"
# The lock is complete, so no dependencies are resolved; 'user = true' in pip's configuration fails in a venv.
PIP_USER=0 "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-deps --requirement "requirements/airflow-$airflow.txt"
conflicts=$("$folder/bin/python" -m pip check) || {
    echo "$conflicts" >&2
    exit 1
}
