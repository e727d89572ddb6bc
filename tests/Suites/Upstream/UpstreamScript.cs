using System.Text;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Suites.Upstream;

/// <summary>What a scripted server does with one request, step by step. Ends the answer after the last step.</summary>
internal sealed class UpstreamScript
{
    private readonly List<Func<HttpContext, Task>> _steps = [];

    /// <summary>A stream of server-sent events, status 200.</summary>
    public static UpstreamScript Stream(params string[] events) =>
        new UpstreamScript().Status(200).Header("Content-Type", "text/event-stream; charset=utf-8").Events(events);

    /// <summary>A whole answer.</summary>
    public static UpstreamScript Answer(int status, string body, string type = "application/json") =>
        new UpstreamScript().Status(status).Header("Content-Type", type).Text(body);

    /// <summary>Closes the connection without a word.</summary>
    public static UpstreamScript HangUp() => new UpstreamScript().Abort();

    public UpstreamScript Status(int status) => Do(context => context.Response.StatusCode = status);

    public UpstreamScript Header(string name, string value) => Do(context => context.Response.Headers[name] = value);

    /// <summary>Writes these bytes at once.</summary>
    public UpstreamScript Text(string text)
    {
        _steps.Add(async context =>
        {
            await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        });
        return this;
    }

    /// <summary>Writes server-sent events, given as their data.</summary>
    public UpstreamScript Events(params string[] data) =>
        data.Length == 0 ? this : Text(string.Concat(data.Select(static text => $"data: {text}\n\n")));

    /// <summary>Writes one server-sent event whose data is made at that moment.</summary>
    public UpstreamScript Event(Func<string> data)
    {
        _steps.Add(async context =>
        {
            await context.Response.Body.WriteAsync(
                Encoding.UTF8.GetBytes($"data: {data()}\n\n"), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        });
        return this;
    }

    /// <summary>Says nothing for a while.</summary>
    public UpstreamScript Pause(TimeSpan time)
    {
        _steps.Add(context => Task.Delay(time, TimeProvider.System, context.RequestAborted));
        return this;
    }

    /// <summary>Sends status and headers, and goes on when the test opens the gate.</summary>
    public UpstreamScript Wait(Gate gate)
    {
        _steps.Add(async context =>
        {
            await context.Response.StartAsync(context.RequestAborted);
            gate.Reached();
            await gate.OpenedAsync(context.RequestAborted);
        });
        return this;
    }

    /// <summary>Says nothing, not even a status, until the client leaves.</summary>
    public UpstreamScript Silence()
    {
        _steps.Add(static context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        return this;
    }

    /// <summary>Says nothing more until the client leaves.</summary>
    public UpstreamScript Stall()
    {
        _steps.Add(static context => context.Response.Body.FlushAsync(context.RequestAborted));
        return Silence();
    }

    /// <summary>Breaks the connection.</summary>
    public UpstreamScript Abort() => Do(static context => context.Abort());

    public async Task RunAsync(HttpContext context)
    {
        foreach (var step in _steps)
        {
            await step(context);
        }
    }

    private UpstreamScript Do(Action<HttpContext> step)
    {
        _steps.Add(context =>
        {
            step(context);
            return Task.CompletedTask;
        });
        return this;
    }
}

/// <summary>Where a script waits for its test, and a test for its script.</summary>
internal sealed class Gate
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Open() => _opened.TrySetResult();

    public void Reached() => _reached.TrySetResult();

    public Task OpenedAsync(CancellationToken cancellationToken) => _opened.Task.WaitAsync(cancellationToken);

    public Task ReachedAsync(CancellationToken cancellationToken) => _reached.Task.WaitAsync(cancellationToken);
}
