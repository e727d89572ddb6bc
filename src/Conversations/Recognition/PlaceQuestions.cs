using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Recognition;

/// <summary>Asks conversations, for a short time, where histories may continue them.</summary>
/// <param name="find">Finds a conversation's calls.</param>
/// <param name="findWarm">The same if it may be warm; null: it is not, and so holds no unstored turn.</param>
/// <param name="known">Forgets turns that are gone, and is told of questions without an answer.</param>
internal sealed class PlaceQuestions(Func<ConversationKey, IConversationCalls> find,
    Func<ConversationKey, IConversationCalls?> findWarm, RecognitionIndex known)
{
    // A warm conversation answers within a millisecond. A long one takes about as long to read as to begin anew.
    private static readonly TimeSpan OpenTime = TimeSpan.FromMilliseconds(50);

    // What a process does for the first time takes it longer. After a restart that is when histories come.
    private static readonly TimeSpan FirstOpenTime = TimeSpan.FromSeconds(1);

    private volatile bool _hasAnswer;

    /// <summary>Asks the conversation of a turn, which may have to be opened.</summary>
    /// <returns>Null: it did not answer.</returns>
    public async ValueTask<HistoryMatch?> AskAsync(
        StartTurn start, ResponseId response, HistoryQuestion question, CancellationToken cancellationToken)
    {
        try
        {
            var turn = new TurnAddress(start.Key.Tenant, response, start.Lease);
            if ((response.Turn.IsStored ? find(turn.Key) : findWarm(turn.Key)) is not { } calls)
            {
                known.Remove(turn);
                return HistoryMatch.None;
            }

            var answer = await calls.MatchAsync(turn, question, cancellationToken)
                .WaitAsync(_hasAnswer ? OpenTime : FirstOpenTime, known.Time, cancellationToken);
            _hasAnswer = true;
            return answer.Kind == AnswerKind.Given ? answer.Value : HistoryMatch.None;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // It takes too long, its process is gone, or is of a build that does not know the question.
            known.NotAsked(response.Conversation, e);
            return null;
        }
    }
}
