#!/usr/bin/env bash
# make sim-mutations: plants one bug after the other in a copy of the sources and runs the simulator until a check catches it.
# Arguments: names of mutations, all by default. SEEDS bounds each search; STARTS are the first seeds of the searches, of which the
# median is told. HARM_SEEDS > 0 also looks for the harm alone: agreement, exactly once, liveness, without the rules that prevent it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
seeds=${SEEDS:-400}
starts=${STARTS:-1 10001 20001}
harm_seeds=${HARM_SEEDS:-0}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

cp -r Directory.Build.props Directory.Packages.props global.json Validator.Core Validator.Crypto.Simd "$copy"
mkdir -p "$copy/Validator.Bench" "$copy/eng"
cp -r Validator.Bench/Simulation "$copy/Validator.Bench"
cp -r eng/locks "$copy/eng"
find "$copy" -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +
cat > "$copy/Validator.Bench/Simulator.csproj" <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>$(ValidatorFramework)</TargetFramework>
    <OutputType>Exe</OutputType>
    <AssemblyName>Validator.Bench</AssemblyName>
    <ConcurrentGarbageCollection>false</ConcurrentGarbageCollection>
  </PropertyGroup>
  <ItemGroup>
    <RuntimeHostConfigurationOption Include="System.Runtime.TieredCompilation.CallCountingDelayMs" Value="0" />
    <ProjectReference Include="../Validator.Core/Validator.Core.csproj" />
  </ItemGroup>
</Project>
PROJECT
echo 'return Validator.Bench.Simulation.SimConsole.Run(args);' > "$copy/Validator.Bench/Program.cs"

dotnet restore "$copy/Validator.Bench/Simulator.csproj" -v:q > /dev/null
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for patch in Validator.Bench/Simulation/mutations/*.patch; do
        names+=("$(basename "$patch" .patch)")
    done
fi

run() { # run <first seed> <seeds> [option ...]: "<seeds it took> <check>" of the first failure of a check, or nothing
    local first=$1 count=$2
    shift 2
    { timeout 900 "$copy/Validator.Bench/bin/Release/net10.0/Validator.Bench" --until-failure --first "$first" --seeds "$count" "$@" || true; } \
        | sed -n 's/^FAIL seed \([0-9]*\) \[\([^]]*\)\].*/\1 \2/p' | { grep -v ' invariant$' || true; } | head -n 1 \
        | awk -v first="$first" '{ taken = $1 - first + 1; $1 = taken; print }'
}

status=0
echo "| mutation | caught by | seeds, median of $(wc -w <<< "$starts") searches |$([ "$harm_seeds" -gt 0 ] && echo ' by its harm alone |')"
echo "|---|---|---|$([ "$harm_seeds" -gt 0 ] && echo '---|')"
for name in "${names[@]}"; do
    if ! patch -s -d "$copy" -p1 < "$root/Validator.Bench/Simulation/mutations/$name.patch"; then
        echo "mutations: $name does not apply any more" >&2
        exit 1
    fi
    if ! dotnet build "$copy/Validator.Bench/Simulator.csproj" --no-restore -c Release -v:q -clp:NoSummary -p:RunAnalyzers=false > "$copy/build.txt" 2>&1; then
        echo "mutations: $name does not compile" >&2
        cat "$copy/build.txt" >&2
        exit 1
    fi

    found=""
    for first in $starts; do
        result=$(run "$first" "$seeds")
        if [ -z "$result" ]; then
            result="9999999 -"
            status=1
        fi
        found+="$result"$'\n'
    done
    checks=$(cut -d' ' -f2- <<< "$found" | grep -v '^$' | sort -u | paste -sd, | sed 's/,/, /g')
    taken=$(cut -d' ' -f1 <<< "$found" | grep -v '^$' | sort -n)
    median=$(sed -n "$(( ($(wc -l <<< "$taken") + 1) / 2 ))p" <<< "$taken")
    line="| $name | $checks | $median ($(paste -sd, <<< "$taken" | sed 's/,/, /g')) |"
    if [ "$harm_seeds" -gt 0 ]; then
        line+=" $(run 1 "$harm_seeds" --harm-only) |"
    fi
    sed 's/9999999/none/g' <<< "$line"
    patch -s -R -d "$copy" -p1 < "$root/Validator.Bench/Simulation/mutations/$name.patch"
done
exit $status
