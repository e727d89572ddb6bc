namespace Evergrain.Conversations.Records;

/// <summary>The formats of records. A journal may hold several: each record says which one it has.</summary>
public static class RecordFormat
{
    /// <summary>What the first builds wrote: payloads without fields.</summary>
    public const int First = 1;

    /// <summary>The first whose checksums cover the conversation. Format 2 added the fields.</summary>
    internal const int FirstWithOwner = 3;

    /// <summary>The first in which stored turns have tags (<see cref="TagField"/>).</summary>
    internal const int FirstWithTags = 3;

    /// <summary>The first in which turns may continue others' input (<see cref="ContinuesInputField"/>).</summary>
    internal const int FirstWithInputs = 4;

    /// <summary>The newest that this build reads and writes.</summary>
    public const int Newest = FirstWithInputs;
}
