# What the published binary is made of, as CycloneDX 1.6 on standard output, for make deb. Names, versions and sums are those of the locks,
# of .native/origin and of this machine's compiler packages; licences those of docs/THIRD-PARTY.md. The same build gives the same bytes.
#   perl eng/sbom.pl BINARY VERSION COMMIT amd64|arm64
use strict;
use warnings;
use JSON::PP;
use Digest::SHA;
use MIME::Base64;
use POSIX qw(strftime);

my ($binary, $version, $commit, $arch) = @ARGV;
die "usage: sbom.pl BINARY VERSION COMMIT ARCH\n" unless defined $arch;
my $arm = $arch eq 'arm64';
my $native = $arm ? '.native/arm64' : '.native';

sub text {
    my ($path) = @_;
    open(my $in, '<', $path) or die "sbom: $path: $!\n";
    local $/;
    my $text = <$in>;
    return $text;
}

# Licences by the first word of a part's name in the table of docs/THIRD-PARTY.md.
my %licence;
for my $line (split /\n/, text('docs/THIRD-PARTY.md')) {
    next unless $line =~ /^\| ([^|]+) \| [^|]* \| ([^|]+) \| [^|]+ \|$/;
    my ($parts, $terms) = ($1, $2);
    $terms = $terms =~ /GCC Runtime Library Exception/ ? 'GPL-3.0-or-later WITH GCC-exception-3.1' : $terms =~ /^([\w.+-]+)/ ? $1 : next;
    $licence{lc $_} = $terms for $parts =~ /([\w.+-]+)/g;
}
my %part = (
    'libsnappy-dev' => 'snappy', 'libsnappy1v5' => 'snappy', 'liblz4-dev' => 'lz4', 'liblz4-1' => 'lz4', 'libbz2-dev' => 'bzip2',
    'libbz2-1.0' => 'bzip2', 'libgflags-dev' => 'gflags', 'libgflags2.2' => 'gflags', 'libzstd-dev' => 'zstandard', 'libzstd1' => 'zstandard',
    'zlib1g-dev' => 'zlib', 'zlib1g' => 'zlib', 'librocksdb-dev' => 'rocksdb', 'librocksdb7.8' => 'rocksdb', 'libssl-dev' => 'openssl',
    'libngtcp2-dev' => 'ngtcp2', 'libngtcp2-crypto-ossl-dev' => 'ngtcp2', 'libc-ares-dev' => 'c-ares', 'libc6-dev' => 'glibc',
    'libstdc++-12-dev' => 'libgcc', 'libgcc-12-dev' => 'libgcc',
);

sub licences {
    my ($name) = @_;
    my $terms = $licence{lc $name} // die "sbom: docs/THIRD-PARTY.md has no licence of $name\n";
    return $terms =~ / WITH / ? [ { expression => $terms } ] : [ { license => { id => $terms } } ];
}

my @components;

# Archives of Debian's, or of this system where it has them; then the compiler's own, which every static binary holds.
my %sum = map { /^(\S+) (\S+) (\S+) (\S+) ([0-9a-f]{64})$/ ? ("$2 $4" => $5) : () } split /\n/, text($arm ? 'eng/native.arm64.lock' : 'eng/native.lock');
my @packages;
for my $line (split /\n/, text("$native/origin")) {
    my ($of, $package, $suite, $found) = split / /, $line;
    # The shared ones serve tests; the binary holds what is in -dev.
    push @packages, [ $package, $found, $suite ] if defined $found && $package =~ /-dev$/;
    push @packages, map { [ $_, installed($_), undef ] } grep { ($part{$_} // '') eq $of && /-dev$/ } sort keys %part if $package eq 'system';
}
my ($gcc) = `gcc -dumpversion` =~ /^(\d+)/;
for my $package ($arm ? ('libc6-dev-arm64-cross', "libstdc++-$gcc-dev-arm64-cross") : ('libc6-dev', "libstdc++-$gcc-dev", "libgcc-$gcc-dev")) {
    push @packages, [ $package, installed($package), undef ];
}

sub installed {
    my ($package) = @_;
    my $found = `dpkg-query -W -f '\${Version}' $package 2>/dev/null`;
    return $found ne '' ? $found : 'unknown';
}

for (@packages) {
    my ($package, $found, $suite) = @$_;
    (my $plain = $package) =~ s/-arm64-cross$//;
    $plain =~ s/^(libstdc\+\+|libgcc)-\d+-dev$/$1-12-dev/;
    my $purl = "pkg:deb/debian/$package\@" . escape($found) . "?arch=$arch" . (defined $suite ? "&distro=$suite" : '');
    my %component = (
        type => 'library', name => $package, version => $found, purl => $purl, 'bom-ref' => $purl, licenses => licences($part{$plain} // $plain),
    );
    $component{hashes} = [ { alg => 'SHA-256', content => $sum{"$package $found"} } ] if $sum{"$package $found"};
    push @components, \%component;
}

# Packages of NuGet's: the compiler brings the runtime, and ASP.NET Core has the same version.
my $lock = decode_json(text('eng/locks/Validator.Host.net10.0.aot' . ($arm ? '-arm64' : '') . '.lock.json'));
my %seen;
for my $target (sort keys %{ $lock->{dependencies} }) {
    for my $name (sort keys %{ $lock->{dependencies}{$target} }) {
        my $entry = $lock->{dependencies}{$target}{$name};
        next if $entry->{type} eq 'Project' || $seen{$name}++;
        my $purl = "pkg:nuget/$name\@$entry->{resolved}";
        push @components, {
            type => 'library', name => $name, version => $entry->{resolved}, purl => $purl, 'bom-ref' => $purl,
            hashes => [ { alg => 'SHA-512', content => unpack('H*', decode_base64($entry->{contentHash})) } ],
            licenses => licences($name =~ /^(?:runtime\.[\w-]+\.)?Microsoft\./ ? 'asp.net' : $name),
        };
    }
}
my ($runtime) = map { $_->{version} } grep { $_->{name} =~ /ILCompiler$/ } @components;
for my $name ("Microsoft.AspNetCore.App.Runtime.linux-" . ($arm ? 'arm64' : 'x64'), "Microsoft.NETCore.App.Runtime.NativeAOT.linux-" . ($arm ? 'arm64' : 'x64')) {
    my $purl = "pkg:nuget/$name\@$runtime";
    push @components, { type => 'framework', name => $name, version => $runtime, purl => $purl, 'bom-ref' => $purl, licenses => licences('asp.net') };
}

@components = sort { $a->{'bom-ref'} cmp $b->{'bom-ref'} } @components;
my $digest = Digest::SHA->new(256)->addfile($binary, 'b')->hexdigest;
my $self = "pkg:generic/validator\@$version?arch=$arch";
my $id = Digest::SHA::sha256_hex("validator sbom $digest $arch");
my $bom = {
    bomFormat => 'CycloneDX',
    specVersion => '1.6',
    # A UUID of version 8: the build's own digest says which it is.
    serialNumber => sprintf('urn:uuid:%s-%s-8%s-8%s-%s', map { substr $id, $_->[0], $_->[1] } [ 0, 8 ], [ 8, 4 ], [ 12, 3 ], [ 15, 3 ], [ 18, 12 ]),
    version => 1,
    metadata => {
        timestamp => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime($ENV{SOURCE_DATE_EPOCH} // die "sbom: SOURCE_DATE_EPOCH is not set\n")),
        component => {
            type => 'application', name => 'validator', version => $version, purl => $self, 'bom-ref' => $self,
            licenses => [ { license => { id => 'Apache-2.0' } } ],
            hashes => [ { alg => 'SHA-256', content => $digest } ],
            properties => [ { name => 'commit', value => $commit } ],
        },
    },
    components => \@components,
    dependencies => [ { ref => $self, dependsOn => [ map { $_->{'bom-ref'} } @components ] } ],
};
print JSON::PP->new->canonical->pretty->indent_length(2)->encode($bom);

sub escape {
    my ($text) = @_;
    $text =~ s/([^A-Za-z0-9.~_-])/sprintf '%%%02X', ord $1/ge;
    return $text;
}
