#!/bin/sh
# A helm to test with: notes what it is given, then does what the file named after its first
# argument says. Lives in a folder of its own as a link to this file, so that no test starts a
# program that was just written (which fails while another thread forks).
home=$(dirname "$0")
call=$home/calls/$$
mkdir -p "$call"
printf '%s\0' "$@" >"$call/args"
cat "/proc/$$/environ" >"$call/env"
echo "$$" >>"$home/order"

# Notes what comes on standard input.
keep_stdin() { cat >"$call/stdin"; }

# Notes a signal and says so.
note() { echo "$1" >>"$call/signals" && echo "got $1"; }

. "$home/$1.sh"
