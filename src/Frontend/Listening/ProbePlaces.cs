using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Listening;

/// <summary>
/// Keeps the last places of one port for probes. Connections that say nothing could take every place, and an
/// orchestrator whose probe finds none ends a process that serves.
/// </summary>
/// <remarks>
/// A connection in one of the last places gets one answer, and only to a request for health or metrics. When these
/// places run short, the oldest connection in them is closed. A probe asks at once, so it is answered before as many
/// others have come.
/// </remarks>
internal sealed partial class ProbePlaces
{
    // A quarter of a port's places, and no more than this: a few probes at a time, and strangers that are being closed.
    private const int PlacesMax = 64;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly LinkedList<ConnectionContext> _last = new();
    private readonly int _connectionsMax;
    private readonly int _othersMax;
    private readonly int _keptMax;
    private readonly MinuteLines _lines;
    private readonly ILogger _logger;
    private int _others;

    private ProbePlaces(int connectionsMax, TimeProvider time, ILogger logger)
    {
        var places = Math.Min(PlacesMax, connectionsMax / 4);
        (_connectionsMax, _othersMax) = (connectionsMax, connectionsMax - places);

        // One that is being closed keeps its place for a moment.
        _keptMax = places - Math.Max(1, places / 4);
        (_lines, _logger) = (new MinuteLines(time), logger);
    }

    /// <summary>Keeps places of a port that takes so many connections; of fewer than eight it keeps none.</summary>
    public static void Use(ListenOptions listen, int connectionsMax, TimeProvider time, ILogger logger)
    {
        if (connectionsMax >= 8)
        {
            var places = new ProbePlaces(connectionsMax, time, logger);
            listen.Use(next => connection => places.ServeAsync(connection, next));
        }
    }

    /// <summary>Refuses what a connection in one of the last places asks for, unless it is a probe.</summary>
    public static Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<Place>() is not { IsLast: true })
        {
            return next(context);
        }

        context.Response.Headers.Connection = "close";
        return context.Request.Path.IsProbe()
            ? next(context)
            : throw new ConversationException(new Refusal(RefusalKind.Overloaded,
                "As many HTTP connections are open as HttpConnectionsMax allows: try again in a moment.")
            {
                RetryAfter = RetryAfter,
            });
    }

    private async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var place = Enter(connection);
        connection.Features.Set(place);
        connection.Features.Set<IDecrementConcurrentConnectionCountFeature>(place);
        try
        {
            await next(connection);
        }
        finally
        {
            place.Leave();
        }
    }

    private Place Enter(ConnectionContext connection)
    {
        var outer = connection.Features.Get<IDecrementConcurrentConnectionCountFeature>();
        ConnectionContext? oldest = null;
        LinkedListNode<ConnectionContext> node;
        lock (_gate)
        {
            if (_others < _othersMax)
            {
                _others++;
                return new Place(this, null, outer);
            }

            node = _last.AddLast(connection);
            if (_last.Count > _keptMax)
            {
                oldest = _last.First!.Value;
                _last.RemoveFirst();
            }
        }

        if (_lines.Add(0) is { } count)
        {
            LogFull(_logger, _othersMax, _connectionsMax, count);
        }

        oldest?.Abort(new ConnectionAbortedException("The port has no room, and another connection came."));
        return new Place(this, node, outer);
    }

    private void Leave(LinkedListNode<ConnectionContext>? node)
    {
        lock (_gate)
        {
            if (node is null)
            {
                _others--;
            }
            else if (node.List is not null)
            {
                _last.Remove(node);
            }
        }
    }

    [LoggerMessage(EventId = 1603, Level = LogLevel.Warning, Message = "{Max} HTTP connections are open; the others " +
        "of {All} places answer probes alone. {Count} came since the last such line. Raise HttpConnectionsMax, or " +
        "bound connections in a proxy.")]
    private static partial void LogFull(ILogger logger, int max, int all, long count);

    /// <summary>The place of one connection. A WebSocket leaves it as it is upgraded.</summary>
    private sealed class Place(ProbePlaces places, LinkedListNode<ConnectionContext>? node,
        IDecrementConcurrentConnectionCountFeature? outer) : IDecrementConcurrentConnectionCountFeature
    {
        private bool _hasLeft;

        public bool IsLast => node is not null;

        public void ReleaseConnection()
        {
            Leave();
            outer?.ReleaseConnection();
        }

        public void Leave()
        {
            if (!Interlocked.Exchange(ref _hasLeft, true))
            {
                places.Leave(node);
            }
        }
    }
}
