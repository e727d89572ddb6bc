using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Servers;

/// <summary>
/// One model call: tries URLs until one answers, then reads its answer. Whatever goes wrong is its last event.
/// </summary>
internal sealed partial class ServerCall : IAsyncDisposable
{
    private readonly ModelServer _server;
    private readonly ModelCall _call;
    private readonly CancellationToken _caller;
    private readonly long _begun;
    private readonly HashSet<Upstream> _tried = [];
    private RequestBody? _body;
    private Upstream? _upstream;
    private ServerTry? _try;
    private bool _isAnswered;
    private UpstreamFault? _told;
    private bool _needsNew;
    private bool _isOver;
    private CallOutcome _outcome = CallOutcome.Cancelled;

    public ServerCall(ModelServer server, ModelCall call, CancellationToken caller)
    {
        (_server, _call, _caller) = (server, call, caller);
        _begun = server.Services.Time.GetTimestamp();
    }

    /// <summary>Waits for the next events and puts them in the list.</summary>
    /// <returns>False behind the last event.</returns>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public async ValueTask<bool> ReadAsync(List<ModelEvent> events)
    {
        events.Clear();
        while (!_isOver && events.Count == 0)
        {
            var fault = await StepAsync(events);
            if (fault is null)
            {
                Take(events);
            }
            else
            {
                Log(fault);
                if (_isAnswered || events.Count > 0)
                {
                    End(fault, events);
                }
                else if (!await MoveOnAsync(fault))
                {
                    End(_told!, events);
                }
            }
        }

        return events.Count > 0;
    }

    public async ValueTask DisposeAsync()
    {
        await LeaveAsync();
        _server.Services.Instruments.CallEnded(_server.Options.Name, _outcome);
    }

    private async ValueTask<UpstreamFault?> StepAsync(List<ModelEvent> events)
    {
        try
        {
            _body ??= _server.Api.Write(_call);
            if (_try is null)
            {
                _upstream ??= Prefer(isHealthy: false);
                _try = Open(_upstream!);
                await _try.OpenAsync(_body, _needsNew);
            }

            return await _try.ReadAsync(events) || HasLast(events) ? null : UpstreamFault.Ended();
        }
        catch (Exception e) when (!_caller.IsCancellationRequested && UpstreamFault.Of(e, _try) is not null)
        {
            return UpstreamFault.Of(e, _try);
        }
        catch (Exception) when (_caller.IsCancellationRequested)
        {
            // Whatever a cancelled request looks like.
            throw new OperationCanceledException(_caller);
        }
    }

    /// <summary>Notes what events say about the server and the call.</summary>
    private void Take(List<ModelEvent> events)
    {
        if (!_isAnswered)
        {
            _isAnswered = true;
            _server.Upstreams.Succeeded(_upstream!);
        }

        if (HasLast(events))
        {
            _isOver = true;
            _outcome = events[^1].Kind switch
            {
                ModelEventKind.Completed => CallOutcome.Completed,
                ModelEventKind.Incomplete => CallOutcome.Incomplete,
                _ => CallOutcome.Failed,
            };
            _try!.Complete();
        }
    }

    private void End(UpstreamFault fault, List<ModelEvent> events)
    {
        events.Add(fault.ToEvent());
        (_isOver, _outcome) = (true, fault.Outcome);
    }

    /// <summary>Goes where the call may still be answered; false where there is no such place.</summary>
    private async ValueTask<bool> MoveOnAsync(UpstreamFault fault)
    {

        if (fault.Remedy == Remedy.NewConnection && !_needsNew)
        {
            _needsNew = true;
            await EndTryAsync();
            return true;
        }

        _told = _told is { } told && told.Weight >= fault.Weight ? told : fault;
        if (_upstream is not { } upstream)
        {
            return false;
        }

        if (fault.Outcome == CallOutcome.Refused)
        {
            // It answers, and knows what it wants.
            _server.Upstreams.Succeeded(upstream);
        }

        if (fault.Remedy == Remedy.None)
        {
            return false;
        }

        _server.Upstreams.Failed(upstream, fault.RetryAfter);
        await LeaveAsync();
        _needsNew = false;
        _upstream = Prefer(isHealthy: fault.Remedy == Remedy.HealthyUrl);
        if (_upstream is not null)
        {
            _server.Services.Instruments.CallMoved(_server.Options.Name);
        }

        return _upstream is not null;
    }

    private Upstream? Prefer(bool isHealthy)
    {
        var upstream = _server.Upstreams.Take(_call.Affinity, _tried, isHealthy);
        if (upstream is not null)
        {
            _tried.Add(upstream);
        }

        return upstream;
    }

    private ServerTry Open(Upstream upstream) => new(_server, upstream, _server.Api.Decode(_call),
        new CallClock(_server.Services.Time, _begun, _server.Options.TurnTimeout, _caller))
    {
        Trace = TraceContext.Around(_call.Trace),
    };

    private async ValueTask LeaveAsync()
    {
        await EndTryAsync();
        if (_upstream is { } upstream)
        {
            _upstream = null;
            _server.Upstreams.Release(upstream);
        }
    }

    private async ValueTask EndTryAsync()
    {
        if (_try is { } ended)
        {
            _try = null;
            await ended.DisposeAsync();
        }
    }

    private static bool HasLast(List<ModelEvent> events) => events is [.., { Kind: >= ModelEventKind.Completed }];

    private void Log(UpstreamFault fault)
    {
        var (logger, server, url) = (_server.Services.Logger, _server.Options.Name, _upstream?.Url ?? "");
        if (fault is { Outcome: CallOutcome.Refused, Code: UpstreamFault.ServerError })
        {
            LogRefused(logger, server, url, fault.Reason);
        }
        else if (fault.IsStale)
        {
            LogStale(logger, server, url, fault.Reason);
        }
        else if (fault.Outcome != CallOutcome.Refused)
        {
            LogFailed(logger, server, url, fault.Outcome, fault.Reason);
        }
    }

    [LoggerMessage(120, LogLevel.Error,
        "Model server {Server} at {Url} does not take calls from here ({Reason}): look at its URL, API and key.")]
    private static partial void LogRefused(ILogger logger, string server, string url, string reason);

    [LoggerMessage(121, LogLevel.Warning, "A call to model server {Server} at {Url} failed: {Outcome}, {Reason}.")]
    private static partial void LogFailed(
        ILogger logger, string server, string url, CallOutcome outcome, string reason);

    [LoggerMessage(124, LogLevel.Debug,
        "A kept connection to model server {Server} at {Url} had ended: {Reason}. The call takes a new one.")]
    private static partial void LogStale(ILogger logger, string server, string url, string reason);
}
