namespace Evergrain.Providers.Azure;

/// <summary>Counts what the journal does: written and read by anyone.</summary>
internal sealed class AzureMeter
{
    private long _appends, _appendedBytes, _refused, _failed, _resolved, _rolled;

    public AzureJournalCounters Read() => new()
    {
        Appends = Volatile.Read(ref _appends),
        AppendedBytes = Volatile.Read(ref _appendedBytes),
        Refused = Volatile.Read(ref _refused),
        Failed = Volatile.Read(ref _failed),
        Resolved = Volatile.Read(ref _resolved),
        Rolled = Volatile.Read(ref _rolled),
    };

    public void Appended(long bytes)
    {
        Interlocked.Increment(ref _appends);
        Interlocked.Add(ref _appendedBytes, bytes);
    }

    public void Refused() => Interlocked.Increment(ref _refused);

    public void Failed() => Interlocked.Increment(ref _failed);

    public void Resolved() => Interlocked.Increment(ref _resolved);

    public void Rolled() => Interlocked.Increment(ref _rolled);
}
