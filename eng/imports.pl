# Prints the native names that C# sources import under the logical name "validator_native" (literal or a constant).
use strict;
use warnings;

undef $/;
for my $path (@ARGV) {
    open(my $in, '<', $path) or die "$path: $!";
    my $text = <$in>;
    $text =~ s{//[^\n]*}{}g;
    while ($text =~ m{\[LibraryImport\(\s*("[^"]*"|[\w.]+)\s*(,[^\]]*?)?\)(?:\s*,[^\]]*)?\](.*?)\bpartial\b([^;()]*?)(\w+)\s*\(}sg) {
        my ($library, $options, $name) = ($1, $2 // '', $5);
        next if $library =~ /^"/ && $library ne '"validator_native"';
        $name = $1 if $options =~ /EntryPoint\s*=\s*"([^"]+)"/;
        print "$name\n";
    }
}
