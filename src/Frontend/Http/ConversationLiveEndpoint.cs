using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Evergrain.Frontend.Http;

/// <summary>
/// <c>GET /evergrain/conversations/{id}/live</c>: what runs in a conversation, as server-sent events, as shapes and
/// times. Streams have a number and a time; a client opens the next one itself.
/// </summary>
internal sealed class ConversationLiveEndpoint(TurnServices services, ServerDrain drain, AuditLog audit)
{
    /// <summary>Streams of all callers.</summary>
    public const int StreamsMax = 64;

    /// <summary>Streams of one tenant, or of all operators.</summary>
    public const int StreamsOfCallerMax = 16;

    private static readonly TimeSpan TimeMax = TimeSpan.FromMinutes(10);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _streams = new(StringComparer.Ordinal);

    public async Task InvokeAsync(HttpContext context)
    {
        drain.Check();
        var key = context.ReadConversation(audit);
        var caller = context.Features.GetRequiredFeature<Caller>().Tenant;
        Enter(caller);
        try
        {
            using var late = new CancellationTokenSource(TimeMax, services.Time);
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(
                context.RequestAborted, drain.Begun, late.Token);
            await new ConversationStream(context, key, services).RunAsync(ending.Token);
        }
        finally
        {
            Leave(caller);
        }
    }

    private void Enter(string caller)
    {
        lock (_gate)
        {
            var own = _streams.GetValueOrDefault(caller);
            if (own == StreamsOfCallerMax)
            {
                throw ConversationException.Of(RefusalKind.TooManyRequests,
                    $"At most {StreamsOfCallerMax} live streams may be open: close one.");
            }

            if (_streams.Values.Sum() == StreamsMax)
            {
                throw ConversationException.Of(RefusalKind.Overloaded,
                    $"At most {StreamsMax} live streams are served at a time: try again.");
            }

            _streams[caller] = own + 1;
        }
    }

    private void Leave(string caller)
    {
        lock (_gate)
        {
            if (--_streams[caller] == 0)
            {
                _streams.Remove(caller);
            }
        }
    }
}
