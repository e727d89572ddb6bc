namespace Evergrain.Conversations.Records;

/// <summary>The formats of records. A journal may hold several: each record says which one it has.</summary>
public static class RecordFormat
{
    /// <summary>What the first builds wrote: payloads without fields.</summary>
    public const int First = 1;

    /// <summary>The newest that this build reads and writes: a payload ends in named optional fields.</summary>
    public const int Newest = 2;
}
