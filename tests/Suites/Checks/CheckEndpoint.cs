using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Evergrain.Suites.Checks;

/// <summary>A checking endpoint on a free port of 127.0.0.1 that keeps what it was asked.</summary>
internal sealed class CheckEndpoint : IAsyncDisposable
{
    /// <summary>The one bound on every wait of a test; reaching it is a failure.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly WebApplication _app;
    private readonly SemaphoreSlim _asked = new(0);
    private readonly TaskCompletionSource _abandoned = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private CheckEndpoint(WebApplication app) => _app = app;

    public string Url => new Uri(new Uri(_app.Urls.Single()), "/check").ToString();

    /// <summary>What it answers; the body was read before.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = static context => SayAsync(context, """{"allowed":true}""");

    /// <summary>The bodies that came, in order.</summary>
    public ConcurrentQueue<string> Bodies { get; } = new();

    /// <summary>Key, media type, connection and trace of each request.</summary>
    public ConcurrentQueue<(string Key, string? Type, string Connection, string Trace)> Heads { get; } = new();

    /// <summary>Ends when the client has gone away from a request that stalls.</summary>
    public Task Abandoned => _abandoned.Task.WaitAsync(Patience);

    public static async Task<CheckEndpoint> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        builder.Services.AddRoutingCore();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var endpoint = new CheckEndpoint(app);
        app.Run(endpoint.InvokeAsync);
        await app.StartAsync();
        return endpoint;
    }

    public static string BodyOf(HttpContext context) => (string)context.Items[nameof(BodyOf)]!;

    public static Task SayAsync(HttpContext context, string answer, int status = 200)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsync(answer);
    }

    /// <summary>Says nothing until the client goes away.</summary>
    public async Task StallAsync(HttpContext context)
    {
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            _abandoned.TrySetResult();
        }
    }

    /// <summary>Ends when it was asked once more.</summary>
    public async Task AskedAsync() => Assert.True(await _asked.WaitAsync(Patience), "the endpoint was not asked");

    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        await _app.StopAsync(patience.Token);
        await _app.DisposeAsync();
        _asked.Dispose();
    }

    private async Task InvokeAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        context.Items[nameof(BodyOf)] = body;
        Bodies.Enqueue(body);
        Heads.Enqueue((context.Request.Headers.Authorization.ToString(), context.Request.ContentType,
            context.Connection.Id, context.Request.Headers.TraceParent.ToString()));
        _asked.Release();
        await Answer(context);
    }
}
