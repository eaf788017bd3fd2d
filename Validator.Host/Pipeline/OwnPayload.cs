global using ILedgerAudience = Validator.Core.Shell.ILedgerAudience<
    Validator.Host.Storage.HeldVertex, Validator.Host.Storage.ExecutedBlock, Validator.Host.Pipeline.OwnPayload>;
global using ILedgerPorts = Validator.Core.Shell.ILedgerPorts<
    Validator.Host.Storage.HeldVertex, Validator.Host.Storage.ExecutedBlock, Validator.Host.Pipeline.OwnPayload>;
global using ILedgerWriter = Validator.Core.Shell.ILedgerWriter<
    Validator.Host.Storage.HeldVertex, Validator.Host.Storage.ExecutedBlock, Validator.Host.Pipeline.OwnPayload>;
global using LedgerGroup = Validator.Core.Shell.LedgerGroup<
    Validator.Host.Storage.HeldVertex, Validator.Host.Storage.ExecutedBlock, Validator.Host.Pipeline.OwnPayload>;
global using LedgerItem = Validator.Core.Shell.LedgerItem<
    Validator.Host.Storage.HeldVertex, Validator.Host.Storage.ExecutedBlock, Validator.Host.Pipeline.OwnPayload>;
global using OwnRecord = Validator.Core.Shell.OwnRecord<Validator.Host.Pipeline.OwnPayload>;

using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>What an own vertex has with it on its way.</summary>
/// <param name="Batch">Its transactions; null for an empty one.</param>
/// <param name="Held">From the signer on: the whole vertex, with a reference.</param>
internal readonly record struct OwnPayload(ClientBatch? Batch, HeldVertex? Held = null);
