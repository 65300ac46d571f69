# Writes an 8-bit grey picture, for tests that need one and have only perl: PNG, or PGM when FILE ends in .pgm.
#
# usage: perl pictures.pl FILE WIDTH HEIGHT [GREY [X Y SIZE SMILE]...]
#
# The ground is GREY (128) with a little of its own texture. Each X Y SIZE SMILE draws a face that the default detector
# finds at about that square, with the proportions of tests/support/draw_face.c: soft ellipses, and a mouth that is bent
# up (1) or down (-1).
use strict;
use warnings;

my ($file, $width, $height, $ground, @faces) = @ARGV;
$ground = 128 unless defined $ground;

# x, y, radii, grey
my @head = (
    [0, -0.20, 1.16, 1.42, 45], [0, 0.75, 0.48, 1.00, 150], [0, 0.05, 0.98, 1.28, 205],
    [-0.44, -0.44, 0.36, 0.09, 70], [0.44, -0.44, 0.36, 0.09, 70],
    [-0.42, -0.20, 0.34, 0.17, 120], [0.42, -0.20, 0.34, 0.17, 120],
    [-0.42, -0.19, 0.20, 0.10, 230], [0.42, -0.19, 0.20, 0.10, 230],
    [-0.42, -0.19, 0.11, 0.12, 25], [0.42, -0.19, 0.11, 0.12, 25],
    [0, 0, 0.13, 0.34, 222], [-0.13, 0.36, 0.10, 0.07, 110], [0.13, 0.36, 0.10, 0.07, 110],
    [0, 1.05, 0.36, 0.09, 175]);

sub cover {
    my ($distance, $soft) = @_;
    my $t = 0.5 - $distance / $soft;
    return $t < 0 ? 0 : $t > 1 ? 1 : $t;
}

sub face_grey {
    my ($grey, $u, $v, $smile, $soft) = @_;
    for my $p (@head) {
        my ($x, $y, $rx, $ry, $over) = @$p;
        my $r = sqrt((($u - $x) / $rx)**2 + (($v - $y) / $ry)**2);
        $grey += ($over - $grey) * cover(($r - 1) * ($rx < $ry ? $rx : $ry), $soft);
    }
    my $t = $u / 0.42;
    my $bow = 1 - $t * $t;
    my $across = abs($v - 0.68 - 0.16 * $smile * (0.5 - $t * $t)) - 0.1 * sqrt($bow > 0.05 ? $bow : 0.05);
    my $beyond = abs($u) - 0.42;
    return $grey + (85 - $grey) * cover($across > $beyond ? $across : $beyond, $soft);
}

sub pixel {
    my ($column, $row) = @_;
    my $grey = $ground + ($column * 7 + $row * 13) % 5 - 2;
    for (my $i = 0; $i + 3 < @faces; $i += 4) {
        my ($x, $y, $size, $smile) = @faces[$i .. $i + 3];
        my $half = $size / 2.56;
        my ($u, $v) = (($column + 0.5 - $x) / $half - 1.28, ($row + 0.5 - $y) / $half - 1.23);
        next if abs($u) > 1.5 || abs($v) > 2;
        my $soft = 1.5 / $half;
        $grey = face_grey($grey, $u, $v, $smile, $soft > 0.05 ? $soft : 0.05);
    }
    return $grey < 0 ? 0 : $grey > 255 ? 255 : int($grey + 0.5);
}

my @crc_table = map {
    my $c = $_;
    $c = $c & 1 ? 0xEDB88320 ^ ($c >> 1) : $c >> 1 for 1 .. 8;
    $c;
} 0 .. 255;

sub chunk {
    my ($body) = @_;
    my $crc = 0xFFFFFFFF;
    $crc = $crc_table[($crc ^ $_) & 255] ^ ($crc >> 8) for unpack 'C*', $body;
    return pack('N', length($body) - 4) . $body . pack('N', $crc ^ 0xFFFFFFFF);
}

# zlib's format with blocks that are stored, not compressed.
sub stored {
    my ($bytes) = @_;
    my ($low, $high, $out) = (1, 0, "\x78\x01");
    for (unpack 'C*', $bytes) {
        $low = ($low + $_) % 65521;
        $high = ($high + $low) % 65521;
    }
    while (length $bytes) {
        my $block = substr($bytes, 0, 65535, '');
        $out .= pack('Cvv', length($bytes) ? 0 : 1, length $block, 65535 - length $block) . $block;
    }
    return $out . pack('nn', $high, $low);
}

my $pgm = $file =~ /\.pgm$/;
my $rows = '';
for my $row (0 .. $height - 1) {
    $rows .= pack 'C*', $pgm ? () : 0, map { pixel($_, $row) } 0 .. $width - 1;
}
open my $out, '>:raw', $file or die "$file: $!\n";
print $out $pgm
    ? "P5 $width $height 255\n$rows"
    : ("\x89PNG\r\n\x1a\n", chunk('IHDR' . pack('NNC5', $width, $height, 8, 0, 0, 0, 0)), chunk('IDAT' . stored($rows)),
    chunk('IEND'));
close $out or die "$file: $!\n";
