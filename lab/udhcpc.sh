#!/bin/sh
# What udhcpc runs in a device when it has, keeps or loses a lease (variables as in busybox's networking/udhcp).
case "$1" in
  deconfig)
    ip -4 addr flush dev "$interface"
    ;;
  bound | renew)
    [ "$1" = renew ] || ip -4 addr flush dev "$interface"
    ip addr replace "$ip/${mask:-24}" dev "$interface"
    ip route replace default via "${router%% *}" dev "$interface"
    # In place: the file is bound over /etc/resolv.conf of running commands.
    for server in $dns; do echo "nameserver $server"; done > /etc/resolv.conf
    ;;
esac
