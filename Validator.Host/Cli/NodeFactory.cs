using Validator.Host.Contracts;
using Validator.Host.Node;

namespace Validator.Host.Cli;

/// <summary>The node that <c>run</c> starts.</summary>
internal static class NodeFactory
{
    public static IValidatorNode Start(NodeContext context) => ValidatorNode.Create(context);
}
