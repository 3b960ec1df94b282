# A way to a far host, in namespaces of one's own: here - near router - far router - far host. Between the routers a packet has 1,280 bytes
# at most. The far host is 192.0.2.9 and 2001:db8:3::9. To be read by a shell that is root of a user, network and mount namespace.
#   at near|far|host COMMAND    runs it there
#   vanish                      nothing gets there any more, and nobody says so
at() {
  name=$1
  shift
  nsenter "--net=/run/netns/$name" -- "$@"
}
link() { # FROM ADDRESS4 ADDRESS6 TO ADDRESS4 ADDRESS6 MTU
  ip link add "to-$4" netns "$1" mtu "$7" type veth peer name "to-$1" netns "$4" mtu "$7"
  at "$1" ip addr add "$2" dev "to-$4"
  at "$1" ip addr add "$3" dev "to-$4" nodad
  at "$4" ip addr add "$5" dev "to-$1"
  at "$4" ip addr add "$6" dev "to-$1" nodad
  at "$1" ip link set "to-$4" up
  at "$4" ip link set "to-$1" up
}
vanish() {
  at near ip route add blackhole 192.0.2.9/32
  at near ip route add blackhole 2001:db8:3::9/128
}
mount -t tmpfs none /run
mkdir /run/netns
touch /run/netns/here
mount --bind /proc/self/ns/net /run/netns/here
for name in near far host; do
  touch "/run/netns/$name"
  unshare --net="/run/netns/$name" true
  at "$name" ip link set lo up
done
ip link set lo up
link here 10.1.0.1/24 2001:db8:1::1/64 near 10.1.0.2/24 2001:db8:1::2/64 1500
link near 10.1.1.1/24 2001:db8:2::1/64 far 10.1.1.2/24 2001:db8:2::2/64 1280
link far 192.0.2.1/24 2001:db8:3::1/64 host 192.0.2.9/24 2001:db8:3::9/64 1500
for name in near far; do
  at "$name" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
done
ip route add default via 10.1.0.2
ip route add default via 2001:db8:1::2
at near ip route add default via 10.1.1.2
at near ip route add default via 2001:db8:2::2
at far ip route add default via 10.1.1.1
at far ip route add default via 2001:db8:2::1
at host ip route add default via 192.0.2.1
at host ip route add default via 2001:db8:3::1
