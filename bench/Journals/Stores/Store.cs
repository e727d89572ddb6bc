using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Journals.Turns;

namespace Evergrain.Journals.Stores;

/// <summary>A journal under measurement, and what can be read of what it writes.</summary>
internal abstract class Store(string name, IJournal journal) : IAsyncDisposable
{
    // Other seeds than the recorded turns have: keys lie anywhere in an index, as those of real conversations do.
    private readonly SeededIdSource _ids = new(2);
    private readonly Lock _gate = new();

    public string Name { get; } = name;

    public IJournal Journal { get; } = journal;

    /// <summary>What <see cref="Sums.Written"/> counts here.</summary>
    public abstract string WrittenMeans { get; }

    /// <summary>A new conversation, empty; any thread may ask.</summary>
    public Log Begin(RecordedTurns turns)
    {
        lock (_gate)
        {
            return new Log(Journal, new ConversationKey("bench", new ConversationId(_ids.Next128())), turns);
        }
    }

    /// <summary>What was written since the store was opened; differences count.</summary>
    public abstract ValueTask<Sums> SumsAsync(CancellationToken cancellationToken);

    /// <summary>Fsyncs so far, once all of them are counted, which may take a while; NaN: not known.</summary>
    public virtual ValueTask<double> SyncsAsync(CancellationToken cancellationToken) => new(double.NaN);

    public virtual ValueTask DisposeAsync() => Journal.DisposeAsync();
}

/// <summary>Sums since a journal was opened.</summary>
/// <param name="Written">Bytes written, or kept; see <see cref="Store.WrittenMeans"/>.</param>
/// <param name="Disk">Bytes that this process made the disk write; NaN: another process writes.</param>
/// <param name="Transactions">Transactions; NaN: it has none.</param>
internal readonly record struct Sums(double Written, double Disk, double Transactions)
{
    public static Sums operator +(Sums left, Sums right) => new(
        left.Written + right.Written, left.Disk + right.Disk, left.Transactions + right.Transactions);

    public static Sums operator -(Sums left, Sums right) => new(
        left.Written - right.Written, left.Disk - right.Disk, left.Transactions - right.Transactions);
}
