using Evergrain.Conversations.Ports;

namespace Evergrain.Journals.Stores;

/// <summary>The journal of tests and simulations.</summary>
internal sealed class MemoryStore() : Store("memory", new InMemoryJournal())
{
    public override string WrittenMeans => "bytes allocated";

    /// <summary>What the calls allocated: it completes each before it returns, and keeps what it allocates.</summary>
    public override ValueTask<Sums> SumsAsync(CancellationToken cancellationToken) =>
        new(new Sums(GC.GetTotalAllocatedBytes(precise: true), double.NaN, double.NaN));
}
