namespace Evergrain.Conversations.Holding;

/// <summary>How many bytes conversations may hold in a process.</summary>
/// <param name="ConversationBytesMax">All conversations together.</param>
/// <param name="TurnBytesMax">The events of one running turn.</param>
public sealed record HoldingBounds(long ConversationBytesMax, long TurnBytesMax);
