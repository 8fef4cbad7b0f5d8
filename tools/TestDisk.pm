# SPDX-License-Identifier: MIT
# Disk images whose every word the tests know (tests/kernel/disk.h). Sector 0 is the header: magic, sectors, end of the
# host's area, start of the guest's, each a little-endian word. Sectors [1, host end) hold what the host writes and the guest
# looks for; [guest start, sectors) what the guest writes and the host looks for; between them tests do as they like.
package TestDisk;
use strict;
use warnings;

my $SECTOR = 512;
my $WORDS = $SECTOR / 4;
my $MAGIC = 'ASHLARTESTDISK01';

# Word $i of sector $s in the pattern of that kind: both sides compute it.
sub sector {
	my ($s, $kind) = @_;
	my $first = ($s * 0x9e3779b1 + $kind) & 0xffffffff;
	return pack 'V*', map { ($first + $_ * 0x85ebca6b) & 0xffffffff } 0 .. $WORDS - 1;
}

sub make {
	my ($file, $bytes, $host_end, $guest_start) = @_;
	my $nr = int($bytes / $SECTOR);
	open(my $out, '>:raw', $file) or die "TestDisk: cannot write $file: $!\n";
	truncate($out, $bytes) or die "TestDisk: cannot make $file of $bytes bytes: $!\n";
	print $out $MAGIC, pack('V3', $nr, $host_end, $guest_start), "\0" x ($SECTOR - 28);
	print $out sector($_, ord 'H') for 1 .. $host_end - 1;
	close($out) or die "TestDisk: cannot write $file: $!\n";
	return;
}

# What is not as it should be: the host's area changed, the guest's not written. At most three lines.
sub problems {
	my ($file, $wants_guest) = @_;
	open(my $in, '<:raw', $file) or return "$file: cannot be read: $!";
	read($in, my $header, $SECTOR) == $SECTOR or return "$file: no header";
	my ($magic, $nr, $host_end, $guest_start) = unpack 'a16 V3', $header;
	return "$file: the header has changed" if $magic ne $MAGIC;
	my @problems;
	for my $area ([1, $host_end, 'H'], $wants_guest ? [$guest_start, $nr, 'G'] : ()) {
		my ($start, $end, $kind) = @$area;
		seek($in, $start * $SECTOR, 0);
		for my $s ($start .. $end - 1) {
			read($in, my $found, $SECTOR);
			push @problems, "$file: sector $s is not what the " . ($kind eq 'H' ? 'host' : 'guest') . ' wrote'
			  if $found ne sector($s, ord $kind);
			return @problems if @problems == 3;
		}
	}
	return @problems;
}

# Of bytes in the image, as test_disk_sum() of the guest makes it: FNV-1a of 32 bits.
sub sum {
	my ($file, $start, $nr) = @_;
	open(my $in, '<:raw', $file) or return 0;
	seek($in, $start, 0);
	read($in, my $bytes, $nr);
	my $sum = 0x811c9dc5;
	$sum = (($sum ^ $_) * 0x01000193) & 0xffffffff for unpack 'C*', $bytes;
	return $sum;
}

1;
