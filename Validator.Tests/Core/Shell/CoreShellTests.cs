using System.Reflection;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Shell;

public sealed class CoreShellTests
{
    // Protects the switch over effects, which the compiler does not: one that it forgets ends the process, and so does one whose message is of
    // another type than its kind says.
    [Fact]
    public void Every_effect_reaches_one_port()
    {
        Genesis genesis = GenesisSamples.Four();
        EpochConfiguration epoch = EpochConfiguration.First(genesis, GenesisCodec.ChainId(genesis));
        CoreShell<object> shell = new(genesis, epoch, 1, new CoreSettings(), new VoteStanding(false, 0, 0), new RecoveredState());
        MessageBuilder builder = new(new CountingValues(), 4);
        IMessage?[] messages = [null, .. MessageBuilder.AllTypes.Select(type => builder.Build(type).Frame)];
        Certificate certificate = messages.OfType<Certificate>().Single();
        foreach (EffectKind kind in Enum.GetValues<EffectKind>().Where(k => k != EffectKind.EpochEnded))
        {
            int carried = 0;
            foreach (IMessage? message in messages)
            {
                IShellPorts<object> ports = DispatchProxy.Create<IShellPorts<object>, Recorder>();
                try
                {
                    shell.Carry(new Effect { Kind = kind, Message = message, Number = 7, Certificate = certificate, Order = [] }, ports);
                    Assert.Single(((Recorder)ports).Calls);
                    carried++;
                }
                catch (InvariantViolationException)
                {
                    Assert.Empty(((Recorder)ports).Calls);
                }
            }

            Assert.True(carried > 0, $"nothing carries out {kind}");
            bool oneType = kind is EffectKind.Execute or EffectKind.StoreManifest or EffectKind.StoreChunk or EffectKind.InstallSnapshot
                or EffectKind.StoreEpochEnd or EffectKind.Evidence;
            Assert.True(!oneType || carried == 1, $"{kind} is carried out with {carried} types of message");
        }
    }

    private class Recorder : DispatchProxy
    {
        public List<string> Calls { get; } = [];

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            Calls.Add(targetMethod!.Name);
            return null;
        }
    }
}
