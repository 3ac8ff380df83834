#!/bin/bash
# The first process of a house: makes the sandbox's own /run, /proc and /etc, says "ready", and then only reaps what its
# children leave. Everything in the house dies with it.
# Usage: init.sh hedgerow-lab NAME   (the words are how a running house is found)
set -euo pipefail

mount -t proc proc /proc
mount -t tmpfs -o mode=755 house /run
mkdir -p /run/netns /run/lab/bin /run/etc /run/netns.d

# An /etc of our own over the machine's, so that `ip netns exec` finds resolv.conf files that are not the machine's.
# Symbolic links are copied: theirs are relative to /etc. The rest is linked.
mount --rbind /etc /run/etc
mount -t tmpfs -o mode=755 etc /etc
find /run/etc -mindepth 1 -maxdepth 1 -type l ! -name resolv.conf -exec cp -P -t /etc {} +
find /run/etc -mindepth 1 -maxdepth 1 ! -type l ! -name resolv.conf ! -name netns -exec ln -s -t /etc {} +
ln -s /run/netns.d /etc/netns
echo "# each host of the house has its own in /etc/netns" > /etc/resolv.conf

# Held open for reading and writing, so that the read below never ends.
mkfifo /run/lab/.hold
exec 3<>/run/lab/.hold
echo ready
exec < /dev/null > /dev/null 2>&1
while true; do read -r -u 3 || true; done
