# The guest's half of vm_run, as root, with the variables that the host has put in front: run the command as `dev`, say on the
# ports what it printed and how it ended. Once this is over the unit powers the machine off.
set -u

port() {
  local name
  name=$(grep -lx "vm.$1" /sys/class/virtio-ports/*/name) && echo "/dev/$(basename "$(dirname "$name")")"
}
exec 4>"$(port out)" 5>"$(port err)" 6>"$(port status)" </dev/null
cd /home/dev
if [ "$share" = yes ]; then
  mount -t virtiofs host /mnt/host || exit
  cd /mnt/host
fi
echo begun >&6

leave() {
  sync
  echo "$1" >&6
  exit
}

if [ -n "$setup" ]; then
  bash -c "$setup" >&4 2>&5 || leave $?
fi

# The command's own file, since su(1) and systemd-run(1) each have their own ways with words.
script=$(mktemp /run/vm-command.XXXXXX)
printf 'cd %q && exec' "$PWD" >"$script"
printf ' %q' "${command[@]}" >>"$script"
chmod 0644 "$script"

# A serial port has one writer here, and the command gets pipes, as it would from any program.
mkfifo /run/vm-out /run/vm-err
cat /run/vm-out >&4 &
copying=($!)
cat /run/vm-err >&5 &
copying+=($!)
case $via in
  login) su --login dev --command "bash $script" ;;
  service) systemd-run --machine=dev@.host --user --pipe --wait --collect --quiet bash "$script" ;;
esac >/run/vm-out 2>/run/vm-err
status=$?
# What the command has left running may hold the pipes: their end is waited for, but not for ever.
timeout 5 tail -s 0.1 -f /dev/null --pid="${copying[0]}" --pid="${copying[1]}"
leave "$status"
