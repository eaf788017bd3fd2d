#!/usr/bin/env perl
# Folded stacks ("a;b;c 12" a line) on standard input to a flame graph as SVG. flame.pl [TITLE]
# Width is the share of samples, children stand on their callers. Hovering names frame and share; no script inside.
use strict;
use warnings;

my $title = shift // '';
my ($width, $row, $left) = (1200, 17, 10);
my %root = (name => 'all', value => 0, children => {});
while (<STDIN>) {
    chomp;
    my ($stack, $count) = /^(.*) (\d+)$/ or next;
    my $node = \%root;
    $node->{value} += $count;
    for my $name (split /;/, $stack) {
        $node = $node->{children}{$name} //= { name => $name, value => 0, children => {} };
        $node->{value} += $count;
    }
}
die "flame: no stacks\n" unless $root{value};

my $least = $root{value} * 0.0005;
my @boxes;
my $deepest = 0;

sub place {
    my ($node, $depth, $start) = @_;
    push @boxes, [$node, $depth, $start];
    $deepest = $depth if $depth > $deepest;
    for my $child (sort { $a->{name} cmp $b->{name} } values %{ $node->{children} }) {
        place($child, $depth + 1, $start) if $child->{value} >= $least;
        $start += $child->{value};
    }
}

# Warm for user code, grey for the kernel's, blue for managed code.
sub colour {
    my ($name) = @_;
    my $shade = unpack('%8C*', $name) % 40;
    return sprintf 'rgb(%d,%d,%d)', 120 + $shade, 170 + $shade, 225 if $name =~ /__\w/ && $name =~ /_[A-Z]/;
    return sprintf 'rgb(%d,%d,%d)', (190 + $shade) x 3 if $name =~ /^(_*(raw_|x64_)?sys|do_|__|entry_|schedule|finish_task|ret_from|asm_|irq|tcp|udp|ip_|sock|ext4|vfs|futex|submit_|blk)/;
    return sprintf 'rgb(%d,%d,%d)', 235, 140 + 2 * $shade, 70 + $shade;
}

sub escape { my $t = shift; $t =~ s/&/&amp;/g; $t =~ s/</&lt;/g; $t =~ s/>/&gt;/g; $t =~ s/"/&quot;/g; $t }

place(\%root, 0, 0);
my $height = 44 + ($deepest + 1) * $row + 10;
my $scale = ($width - 2 * $left) / $root{value};
print qq(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height" width="$width" height="$height" font-family="Helvetica, Arial, sans-serif" font-size="11">\n);
print qq(<rect width="$width" height="$height" fill="#ffffff"/>\n);
printf qq(<text x="%d" y="24" font-size="16" fill="#222222">%s</text>\n), $left, escape($title || "$root{value} samples: width is the share of time");
for my $box (@boxes) {
    my ($node, $depth, $start) = @$box;
    my ($x, $w) = ($left + $start * $scale, $node->{value} * $scale);
    my $y = $height - 10 - ($depth + 1) * $row;
    my $name = escape($node->{name});
    printf qq(<g><title>%s: %.2f %%</title><rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s" stroke="#ffffff" stroke-width="0.5"/>),
        $name, 100 * $node->{value} / $root{value}, $x, $y, $w, $row - 1, colour($node->{name});
    my $fits = int(($w - 6) / 6.2);
    printf qq(<text x="%.1f" y="%.1f" fill="#111111">%s</text>), $x + 3, $y + 12, escape(substr $node->{name}, 0, $fits) if $fits >= 3;
    print "</g>\n";
}
print "</svg>\n";
