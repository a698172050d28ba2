#!/bin/sh
# Make a Blender 5.2 LTS beside the system's own: Debian's, in a folder of its own (1.4 GB, some minutes).
#
#     sh scripts/make_blender_52.sh [FOLDER]      default: ~/.cache/simcraft/blender-5.2
#
# Prints the path of a program to start it by, which sees this machine's files at their own paths. Does nothing where it
# is there already. Needs root and the network: exit code 3, and why, where it cannot be made.
# MIRROR names another Debian mirror, or a day of snapshot.debian.org once Debian unstable has a newer Blender.
set -eu
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/simcraft/blender-5.2}
mirror=${MIRROR:-http://deb.debian.org/debian}
packages="blender python3-numpy python3-cattr python3-requests python3-zstandard ca-certificates
    libgl1-mesa-dri libegl1 libegl-mesa0 libgl1 libglx-mesa0"

cannot() {
    echo "Blender 5.2 cannot be made here: $*" >&2
    exit 3
}

is_52() { "$1" --version 2>/dev/null | grep -q '^Blender 5\.2'; }

write_launcher() {
    cat >"$folder/blender" <<'LAUNCHER'
#!/bin/sh
# Blender inside the folder beside this file, in mounts of its own that end with it.
exec unshare --mount sh -c '
root=$1
shift
show() {  # the file or folder $1 of this machine at its own path
    if [ -d "$1" ]; then mkdir -p "$root$1"; else [ -e "$root$1" ] || : >"$root$1"; fi
    mount --rbind "$1" "$root$1" || exit 9
}
for path in /*; do
    case $path in
        /bin | /boot | /etc | /lib* | /lost+found | /run | /sbin | /usr | /var) ;;
        *) if [ -d "$path" ] && [ ! -L "$path" ]; then show "$path"; fi ;;
    esac
done
show /usr/local
case $PWD in /usr/* | /var/* | /run/*) show "$PWD" ;; esac
for path in /etc/resolv.conf /etc/hosts; do if [ -f "$path" ]; then show "$path"; fi; done
for python in /usr/bin/python3.11 /usr/bin/python3.12 /usr/bin/python3.13; do  # the engine may have been made with it
    if [ -f "$python" ] && [ ! -f "$root$python" ]; then show "$python"; show "/usr/lib/${python##*/}"; fi
done
exec chroot "$root" sh -c "cd \"\$0\" 2>/dev/null; exec blender \"\$@\"" "$PWD" "$@"
' blender-5.2 "$(dirname "$(readlink -f "$0")")/root" "$@"
LAUNCHER
    chmod +x "$folder/blender"
}

if [ -d "$folder/root" ]; then
    write_launcher
    if is_52 "$folder/blender"; then
        echo "$folder/blender"
        exit 0
    fi
fi
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || cannot "Debian's is taken for Linux on x86-64 alone."
[ "$(id -u)" = 0 ] || cannot "run this as root."
unshare --mount true 2>/dev/null || cannot "this container may not mount."
if ! command -v debootstrap >/dev/null; then
    command -v apt-get >/dev/null || cannot "install debootstrap."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap; } >&2 ||
        cannot "debootstrap cannot be installed."
fi

mkdir -p "$folder"
made=$folder/root.$$
trap 'rm -rf "$made"' EXIT
trap 'exit 130' INT TERM
debootstrap --variant=minbase sid "$made" "$mirror" >"$folder/log" 2>&1 || cannot "debootstrap failed, see $folder/log."
ln -sf /proc/self/mounts "$made/etc/mtab"
# the mounts end with the shell that made them
unshare --mount sh -euc '
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
export DEBIAN_FRONTEND=noninteractive
chroot "$1" apt-get install -y --no-install-recommends $2
chroot "$1" apt-get clean
' setup "$made" "$(echo $packages)" >>"$folder/log" 2>&1 || cannot "its packages cannot be installed, see $folder/log."
rm -rf "$folder/root"
mv "$made" "$folder/root"
write_launcher
if ! is_52 "$folder/blender"; then
    found=$("$folder/blender" --version 2>&1 | head -n 1)
    cannot "Debian unstable has '$found'; give MIRROR=http://snapshot.debian.org/archive/debian/DAY with an earlier day."
fi
echo "$folder/blender"
