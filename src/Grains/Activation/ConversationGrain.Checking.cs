using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Calls;
using Microsoft.Extensions.Logging;

namespace Evergrain.Grains.Activation;

/// <content>
/// The check on new input, where there is one: before the conversation hears of a create, and beside the grain's
/// scheduler. A create that is asked for again meets the check that its request began.
/// </content>
internal sealed partial class ConversationGrain
{
    // As many as a conversation may have forks running; the oldest verdict is forgotten, and would be asked for again.
    private const int ChecksMax = 64;

    private readonly Dictionary<UInt128, Task<Refusal?>> _checks = [];
    private readonly Queue<UInt128> _checked = new();

    // Not disposed: a check may outlive the activation, and ends by its own bounds.
    private readonly CancellationTokenSource _checksEnd = new();
    private int _starting;

    /// <summary>What a create is answered that may not begin, or not yet; null: it may.</summary>
    private async Task<Answer<StartedTurn>?> CheckAsync(StartTurn start)
    {
        if (services.InputGate is null)
        {
            return null;
        }

        // It does not move meanwhile, or the check would be made there again.
        _starting++;
        try
        {
            var known = Ask(conversation => conversation.Knows(start));
            return known switch
            {
                { Kind: AnswerKind.Refused } => Answer.Refused<StartedTurn>(known.Refusal!),
                { Kind: AnswerKind.AskAgain } => Answer.AskAgain<StartedTurn>(),
                { Value: true } => null,
                _ => await AllowAsync(start),
            };
        }
        finally
        {
            _starting--;
        }
    }

    private async Task<Answer<StartedTurn>?> AllowAsync(StartTurn start)
    {
        try
        {
            // Within the time of a call: whoever waits asks again and finds the same check.
            var refusal = await VerdictAsync(start).WaitAsync(services.Options.CallTimeout / 2, services.Time);
            if (refusal is { Kind: not RefusalKind.InputRefused })
            {
                // It was not made: whoever asks again has it made.
                _checks.Remove(start.RequestId);
            }

            return refusal is null ? null : Answer.Refused<StartedTurn>(refusal);
        }
        catch (TimeoutException)
        {
            return Answer.AskAgain<StartedTurn>();
        }
    }

    private Task<Refusal?> VerdictAsync(StartTurn start)
    {
        if (_checks.TryGetValue(start.RequestId, out var verdict))
        {
            return verdict;
        }

        if (_checked.Count >= ChecksMax)
        {
            _checks.Remove(_checked.Dequeue());
        }

        verdict = Task.Run(() => LookAsync(start), CancellationToken.None);
        _checks.Add(start.RequestId, verdict);
        _checked.Enqueue(start.RequestId);
        return verdict;
    }

    private async Task<Refusal?> LookAsync(StartTurn start)
    {
        try
        {
            return await services.InputGate!.LookAsync(start, _checksEnd.Token);
        }
        catch (ConversationException e)
        {
            return e.Refusal;
        }
        catch (OperationCanceledException) when (_checksEnd.IsCancellationRequested)
        {
            return new Refusal(
                RefusalKind.Unavailable, "The conversation moved while its input was checked: try again.");
        }
        catch (Exception e)
        {
            LogNotChecked(services.Logger, e, _key.Id);
            return Faulted;
        }
    }

    [LoggerMessage(409, LogLevel.Error, "Conversation {Conversation}: its new input could not be checked.")]
    private static partial void LogNotChecked(ILogger logger, Exception e, ConversationId conversation);
}
