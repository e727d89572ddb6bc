using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>Asks a conversation as a history of a digest does.</summary>
internal static class Continuing
{
    /// <summary>Whether the history may continue a turn at its end.</summary>
    public static bool MayContinue(this Conversation conversation, TurnId turn, Digest context) =>
        conversation.Places.Match(turn, new HistoryQuestion(context, [])).Turns is [{ Rest: 0 }, ..];
}
