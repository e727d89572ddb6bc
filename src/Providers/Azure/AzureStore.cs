using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>The parts of a journal's store.</summary>
internal sealed class AzureStore(AzureAccount account)
{
    public AzureAccount Account => account;

    public TailBlobs Tails { get; } = new(account);

    public ExtentBlobs Extents { get; } = new(account);

    public AzureIndex Index { get; } = new(account);

    public AzureMeter Meter { get; } = new();

    /// <summary>
    /// Takes away what is left of a log whose tail is gone, or is another log's: a process died within its deletion.
    /// </summary>
    public async Task ForgetAsync(NumberedConversation log, CancellationToken cancellationToken)
    {
        await Extents.DeleteAllAsync(log.Key, log.Number, cancellationToken);
        await Index.RemoveAsync(log.Key.Tenant, log.Number, cancellationToken);
    }
}
