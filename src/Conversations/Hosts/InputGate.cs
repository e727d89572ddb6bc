using System.Runtime.CompilerServices;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Hosts;

/// <summary>Puts the new items of a create before the check, once, before its conversation hears of it.</summary>
/// <param name="check">The check.</param>
/// <param name="time">The clock that measures it.</param>
/// <param name="instruments">Where the time it took is reported.</param>
public sealed class InputGate(IInputCheck check, TimeProvider time, ConversationInstruments instruments)
{
    // A frontend that tries again passes the same object. An entry goes with its create.
    private readonly ConditionalWeakTable<StartTurn, Verdict> _verdicts = [];

    /// <summary>Ends when the create may begin.</summary>
    /// <param name="start">The create; its bytes are read until this ends.</param>
    /// <param name="isKnown">Whether its turn was begun already: then its items are history.</param>
    /// <param name="cancellationToken">Ends the check: the client is gone.</param>
    /// <exception cref="ConversationException">The input is refused, or the create malformed.</exception>
    public async ValueTask PassAsync(StartTurn start, Func<Task<bool>> isKnown, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(isKnown);
        if (!_verdicts.TryGetValue(start, out var verdict))
        {
            verdict = start.IsKeyed && await isKnown()
                ? new Verdict(null)
                : new Verdict(await LookAsync(start, cancellationToken));
            _verdicts.AddOrUpdate(start, verdict);
        }

        if (verdict.Refusal is { } refusal)
        {
            throw new ConversationException(refusal);
        }
    }

    /// <summary>Makes the check, whatever was checked before; gives what it refuses the create with.</summary>
    /// <exception cref="ConversationException">The create is malformed.</exception>
    public async ValueTask<Refusal?> LookAsync(StartTurn start, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);
        var begun = time.GetTimestamp();
        var input = NewInput.Read(start.Key.Tenant, start.Create);
        var refusal = await check.CheckAsync(input, cancellationToken);
        instruments.PhaseEnded(ConversationPhase.Check, time.GetElapsedTime(begun));
        return refusal;
    }

    private sealed record Verdict(Refusal? Refusal);
}
