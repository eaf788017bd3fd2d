using Validator.Host.Api;
using Validator.Host.Config;

namespace Validator.Host.Cli;

/// <summary>The node that <c>run</c> starts.</summary>
internal static class NodeFactory
{
    public static IValidatorNode Start(NodeContext context) => throw new ConfigException("this build holds no node");
}
