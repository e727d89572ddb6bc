using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Logging;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Makes the check on new input, before a conversation receives a create. A create that is sent again meets the
/// verdict of its first try.
/// </summary>
/// <param name="check">The check.</param>
/// <param name="wait">How long one call waits for a verdict. After that its caller asks again.</param>
/// <param name="services">The clock and the instruments.</param>
/// <param name="logger">Is told of checks that failed.</param>
public sealed partial class InputChecks(
    IInputCheck check, TimeSpan wait, ActivationServices services, ILogger logger)
{
    // The creates of a few seconds on a busy server. A verdict that is forgotten costs another check.
    private const int VerdictsMax = 4096;

    private readonly Lock _gate = new();
    private readonly Dictionary<(ConversationKey, UInt128), Task<Refusal?>> _verdicts = [];
    private readonly Queue<(ConversationKey, UInt128)> _order = new();

    /// <summary>Checks a create.</summary>
    /// <param name="start">The create, in bytes that nobody else writes to: the check may outlast the call.</param>
    /// <param name="known">The conversation's answer to whether the create has begun its turn already.</param>
    /// <param name="cancellationToken">Ends the wait. The check itself ends by its own bounds.</param>
    /// <returns>What the create is answered, if it may not begin or not yet; null: it may begin.</returns>
    public async Task<Answer<StartedTurn>?> PassAsync(
        StartTurn start, Answer<bool> known, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (known.Kind != AnswerKind.Given)
        {
            return new Answer<StartedTurn>(known.Kind, default, known.Refusal);
        }

        if (known.Value)
        {
            return null;
        }

        try
        {
            var refusal = await VerdictOn(start).WaitAsync(wait, services.Time, cancellationToken);
            if (refusal is { Kind: not RefusalKind.InputRefused })
            {
                // The check could not be made, and this caller is told: a later try has it made.
                Forget(start);
            }

            return refusal is null ? null : Answer.Refused<StartedTurn>(refusal);
        }
        catch (TimeoutException)
        {
            return Answer.AskAgain<StartedTurn>();
        }
    }

    private Task<Refusal?> VerdictOn(StartTurn start)
    {
        var request = (start.Key, start.RequestId);
        lock (_gate)
        {
            if (_verdicts.TryGetValue(request, out var verdict))
            {
                return verdict;
            }

            if (_order.Count >= VerdictsMax)
            {
                _verdicts.Remove(_order.Dequeue());
            }

            verdict = Task.Run(() => CheckAsync(start));
            _verdicts.Add(request, verdict);
            _order.Enqueue(request);
            return verdict;
        }
    }

    private async Task<Refusal?> CheckAsync(StartTurn start)
    {
        try
        {
            return await check.CheckAsync(NewInput.Of(start), CancellationToken.None);
        }
        catch (ConversationException e)
        {
            return e.Refusal;
        }
        catch (Exception e)
        {
            LogNotChecked(logger, e, start.Key.Id);
            return new Refusal(RefusalKind.Internal, "The request could not be processed.");
        }
    }

    private void Forget(StartTurn start)
    {
        lock (_gate)
        {
            _verdicts.Remove((start.Key, start.RequestId));
        }
    }

    [LoggerMessage(109, LogLevel.Error, "Conversation {Conversation}: its new input could not be checked.")]
    private static partial void LogNotChecked(ILogger logger, Exception e, ConversationId conversation);
}
