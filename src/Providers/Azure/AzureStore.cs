namespace Evergrain.Providers.Azure;

/// <summary>The parts of a journal's store.</summary>
internal sealed class AzureStore(AzureAccount account)
{
    public AzureAccount Account => account;

    public TailBlobs Tails { get; } = new(account);

    public ExtentBlobs Extents { get; } = new(account);

    public AzureIndex Index { get; } = new(account);

    public AzureMeter Meter { get; } = new();
}
