# Writes an 8-bit grey picture, for tests that need one and have only perl: PNG, or PGM or JPEG when FILE ends in .pgm or
# .jpg.
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

# ---- JPEG: baseline (ITU-T T.81), all coefficients divided by 4, Huffman codes that are all of one length ------------

my @zigzag = sort { my ($v, $w) = map { int($_ / 8) + $_ % 8 } $a, $b;
    $v <=> $w || ($v % 2 ? $a <=> $b : $b <=> $a) } 0 .. 63;
my @wave = map { my $u = $_; [map { ($u ? 0.5 : sqrt(0.125)) * cos((2 * $_ + 1) * $u * 3.14159265358979 / 16) } 0 .. 7] } 0 .. 7;
my @ac_symbols = (0x00, 0xf0, map { my $run = $_; map { $run << 4 | $_ } 1 .. 10 } 0 .. 15);
my %ac_code = map { $ac_symbols[$_] => $_ } 0 .. $#ac_symbols;

sub coefficients {
    my ($left, $top) = @_;
    my (@across, @out);
    for my $y (0 .. 7) {
        my @grey = map { pixel($left + $_, $top + $y) - 128 } 0 .. 7;
        for my $u (0 .. 7) {
            $across[$u][$y] += $wave[$u][$_] * $grey[$_] for 0 .. 7;
        }
    }
    for my $i (@zigzag) {
        my ($u, $v, $sum) = ($i % 8, int($i / 8), 0);
        $sum += $wave[$v][$_] * $across[$u][$_] for 0 .. 7;
        push @out, int($sum / 4 + ($sum < 0 ? -0.5 : 0.5));
    }
    return @out;
}

# The number of bits of a value, and these bits.
sub magnitude {
    my ($value) = @_;
    my $bits = $value ? length sprintf '%b', abs $value : 0;
    return ($bits, $bits ? sprintf "%0${bits}b", $value < 0 ? $value + 2**$bits - 1 : $value : '');
}

sub scan {
    my ($bits, $before) = ('', 0);
    for my $block (0 .. int(($width + 7) / 8) * int(($height + 7) / 8) - 1) {
        my $across = int(($width + 7) / 8);
        my ($dc, @ac) = coefficients(8 * ($block % $across), 8 * int($block / $across));
        my ($size, $tail) = magnitude($dc - $before);
        $bits .= sprintf('%04b', $size) . $tail;
        $before = $dc;
        my $run = 0;
        for my $value (@ac) {
            $run++, next if !$value;
            $bits .= sprintf('%08b', $ac_code{0xf0}), $run -= 16 while $run > 15;
            ($size, $tail) = magnitude($value);
            $bits .= sprintf('%08b', $ac_code{$run << 4 | $size}) . $tail;
            $run = 0;
        }
        $bits .= sprintf '%08b', $ac_code{0} if $run;
    }
    my $bytes = pack 'B*', $bits . '1' x (-length($bits) % 8);
    $bytes =~ s/\xff/\xff\x00/g;
    return $bytes;
}

sub segment {
    my ($code, $body) = @_;
    return pack('CCn', 0xff, $code, length($body) + 2) . $body;
}

sub jpeg {
    return "\xff\xd8" . segment(0xdb, pack 'C*', 0, (4) x 64) . segment(0xc0, pack 'CnnC4', 8, $height, $width, 1, 1, 0x11, 0) .
        segment(0xc4, pack 'C*', 0x00, (map { $_ == 4 ? 12 : 0 } 1 .. 16), 0 .. 11) .
        segment(0xc4, pack 'C*', 0x10, (map { $_ == 8 ? scalar @ac_symbols : 0 } 1 .. 16), @ac_symbols) .
        segment(0xda, pack 'C*', 1, 1, 0x00, 0, 63, 0) . scan() . "\xff\xd9";
}

sub rows {
    my ($before) = @_;
    return join '', map { my $row = $_; $before . pack 'C*', map { pixel($_, $row) } 0 .. $width - 1 } 0 .. $height - 1;
}

open my $out, '>:raw', $file or die "$file: $!\n";
print $out $file =~ /\.jpg$/ ? jpeg() : $file =~ /\.pgm$/ ? "P5 $width $height 255\n" . rows('')
    : ("\x89PNG\r\n\x1a\n", chunk('IHDR' . pack('NNC5', $width, $height, 8, 0, 0, 0, 0)), chunk('IDAT' . stored(rows("\0"))),
    chunk('IEND'));
close $out or die "$file: $!\n";
