#!/bin/sh
# Runs once inside the unpacked root file system: lets dpkg install every package for good, then
# makes the place where apps live. The network is off.
set -eu
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
packages=/var/cache/empire-stack

# Some packages (Java among them) fail without the folders of the manual pages we leave out.
mkdir -p /tmp /usr/share/man/man1 /usr/share/man/man7 /usr/share/man/man8
chmod 1777 /tmp
touch /var/lib/dpkg/status
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

dpkg --force-depends --force-unsafe-io --install $packages/base-passwd.deb $packages/base-files.deb
dpkg --force-depends --force-unsafe-io --unpack $packages/*.deb
dpkg --force-unsafe-io --configure -a
test -z "$(dpkg --audit)"

useradd --uid 1000 --home-dir /app --shell /bin/bash --no-create-home app
install -d -o app -g app /app

rm -rf $packages /var/log/*.log /var/log/apt /var/cache/debconf/*-old /var/lib/dpkg/*-old /.dockerenv
