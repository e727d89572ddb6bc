using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Evergrain.Frontend.Http;

/// <summary>Runs the creates that come by HTTP, on whichever path. Each has a request and a lease of its own.</summary>
/// <remarks>
/// A client that leaves changes nothing for a stored turn. An unstored one belongs to its request: it is cancelled,
/// and forgotten with the answer.
/// </remarks>
internal sealed class HttpCreates(TurnRunner runner, ServerDrain drain, IConversations conversations)
{
    /// <summary>Takes what HTTP says in headers over into a create's fields.</summary>
    /// <exception cref="ConversationException">The fields are not those of a create.</exception>
    public static RoutingFields WithHeaders(RoutingFields fields, HttpContext context)
    {
        var header = context.Request.Headers[IdempotencyKey.Header];
        if (fields.CheckCreate() is null && header.Count > 0)
        {
            // The header is where HTTP has its idempotency key; it wins over the member.
            fields.Key = header.ToString();
        }

        return fields.CheckCreate() is { } refusal ? throw new ConversationException(refusal) : fields;
    }

    /// <summary>The trace of a create. The header is where HTTP has it; it wins over the member.</summary>
    public static TraceContext TraceOf(HttpContext context, RoutingFields fields) =>
        context.Request.Headers.TraceParent is [{ Length: TraceContext.ParentChars } parent]
            ? new TraceContext(parent, context.Request.Headers.TraceState is
                [{ Length: <= TraceContext.StateCharsMax } state]
                ? state
                : null)
            : new TraceContext(fields.TraceParent, fields.TraceState);

    /// <summary>The response of a turn that was read to its end; null: it was deleted while it ran.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadEndedAsync(TurnAddress turn, CancellationToken cancellationToken)
    {
        try
        {
            return await conversations.GetAsync(turn, cancellationToken);
        }
        catch (ConversationException e) when (e.Refusal.Kind == RefusalKind.NotFound)
        {
            return null;
        }
    }

    /// <summary>Refuses whatever comes once the server stops.</summary>
    /// <exception cref="ConversationException">It stops.</exception>
    public void CheckDrain() => drain.Check();

    /// <summary>Answers a create, and lets go of its turn.</summary>
    /// <exception cref="ConversationException">It is refused, or the server stops.</exception>
    public async Task RunAsync(HttpContext context, Func<UnstoredLeases, CancellationToken, Task> answer)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Over);
        var leases = runner.NewLeases(context.Features.GetRequiredFeature<Caller>().Tenant, ending.Token);
        try
        {
            await answer(leases, ending.Token);
        }
        catch (OperationCanceledException e) when (drain.Over.IsCancellationRequested)
        {
            throw new ConversationException(ServerDrain.Restarting, e);
        }
        finally
        {
            await ending.CancelAsync();
            await leases.ReleaseAllAsync();
        }
    }
}
