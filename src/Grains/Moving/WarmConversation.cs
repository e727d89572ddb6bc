namespace Evergrain.Grains.Moving;

/// <summary>
/// One warm conversation as its silo sees it. Its grain writes the figures after each input; whoever reads them sees
/// them a little old.
/// </summary>
/// <param name="moveIfAsked">
/// Runs in the grain's own time: moves the conversation if it is at rest and <see cref="ConversationMoves"/> has a
/// place for it.
/// </param>
/// <param name="interrupt">Ends what runs there, durably; ends when nothing runs any more.</param>
/// <param name="leaveIfIdle">
/// Ends the activation if the journal has all that it holds and nobody reads there; says whether it ended.
/// </param>
/// <param name="compare">Ends the activation if its journal no longer holds what it knows.</param>
/// <param name="ended">Ends with the activation: where it moves, when the next one has begun.</param>
internal sealed class WarmConversation(
    Func<Task> moveIfAsked, Func<Task> interrupt, Func<Task<bool>> leaveIfIdle, Func<Task> compare, Task ended)
{
    private long _lastUsed;
    private long _bytes;
    private bool _isAtRest;
    private bool _isRead;

    /// <summary>Ends when nothing of the activation is left here.</summary>
    public Task Ended => ended;

    /// <summary>When it was last asked something, as a timestamp.</summary>
    public long LastUsed => Volatile.Read(ref _lastUsed);

    /// <summary>Bytes it holds, estimated.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Whether nothing runs there.</summary>
    public bool IsAtRest => Volatile.Read(ref _isAtRest);

    /// <summary>Whether somebody is reading events there, or was about to when last heard of.</summary>
    public bool IsRead => Volatile.Read(ref _isRead);

    public Task MoveIfAskedAsync() => moveIfAsked();

    public Task InterruptAsync() => interrupt();

    public Task<bool> LeaveIfIdleAsync() => leaveIfIdle();

    public Task CompareAsync() => compare();

    /// <summary>It was asked something.</summary>
    public void Used(long timestamp) => Volatile.Write(ref _lastUsed, timestamp);

    /// <summary>What it is now; for <see cref="WarmConversations"/>.</summary>
    internal void Become(long bytes, bool isAtRest, bool isRead)
    {
        Volatile.Write(ref _bytes, bytes);
        Volatile.Write(ref _isAtRest, isAtRest);
        Volatile.Write(ref _isRead, isRead);
    }
}
