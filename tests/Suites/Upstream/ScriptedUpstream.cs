using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Evergrain.Suites.Hosts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Suites.Upstream;

/// <summary>
/// A model server on loopback that does what its test says: each POST plays the next script. It keeps what it was
/// sent and knows who hung up.
/// </summary>
internal sealed class ScriptedUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<UpstreamScript> _scripts = new();
    private readonly Channel<ReceivedCall> _received = Channel.CreateBounded<ReceivedCall>(1_000);
    private readonly List<ReceivedCall> _calls = [];

    private ScriptedUpstream(WebApplication app) => _app = app;

    /// <summary>Its base URL, as a configuration has it.</summary>
    public string Url => $"{_app.Urls.First()}/v1";

    /// <summary>What <c>GET /v1/models</c> answers; each request takes the next, the last one stays.</summary>
    public ConcurrentQueue<UpstreamScript> Listings { get; } = new();

    /// <summary>What GETs of other paths answer, or of that one instead; 404 where nothing is said.</summary>
    public ConcurrentDictionary<string, UpstreamScript> Resources { get; } = new(StringComparer.Ordinal);

    /// <summary>The paths of the GETs so far.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>The POSTs so far.</summary>
    public IReadOnlyList<ReceivedCall> Calls
    {
        get
        {
            lock (_calls)
            {
                return [.. _calls];
            }
        }
    }

    public static Task<ScriptedUpstream> StartAsync(params UpstreamScript[] scripts) => StartAtAsync(0, scripts);

    /// <summary>Starts it at a port; 0: any that is free.</summary>
    public static async Task<ScriptedUpstream> StartAtAsync(int port, params UpstreamScript[] scripts)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(System.Net.IPAddress.Loopback, port);
        });
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(
            static host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        var upstream = new ScriptedUpstream(builder.Build());
        upstream._app.Run(upstream.AnswerAsync);
        upstream.Play(scripts);
        await upstream._app.StartAsync();
        return upstream;
    }

    /// <summary>Adds scripts for the next POSTs.</summary>
    public void Play(params UpstreamScript[] scripts) => Array.ForEach(scripts, _scripts.Enqueue);

    /// <summary>Drops the scripts that no POST has taken.</summary>
    public void Forget() => _scripts.Clear();

    /// <summary>The next POST, when it has arrived whole.</summary>
    public Task<ReceivedCall> ReceivedAsync() => _received.Reader.ReadAsync().AsTask().WaitAsync(Waits.Patience);

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        try
        {
            var script = context.Request.Method == "GET" ? Describe(context.Request.Path) : await TakeAsync(context);
            await script.RunAsync(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client left, which the call has noted.
        }
    }

    private UpstreamScript Describe(string path)
    {
        Asked.Enqueue(path);
        if (Resources.TryGetValue(path, out var resource))
        {
            return resource;
        }

        return path.EndsWith("/models", StringComparison.Ordinal) ? ListingOf() : UpstreamScript.Answer(404, "");
    }

    private UpstreamScript ListingOf()
    {
        if (Listings.Count > 1 && Listings.TryDequeue(out var next))
        {
            return next;
        }

        return Listings.TryPeek(out var last) ? last : UpstreamScript.Answer(404, "");
    }

    private async Task<UpstreamScript> TakeAsync(HttpContext context)
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        context.RequestAborted.Register(() => left.TrySetResult());
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var call = new ReceivedCall
        {
            Path = context.Request.Path.Value!,
            Headers = context.Request.Headers.ToDictionary(static header => header.Key,
                static header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            Connection = context.Connection.Id,
            Body = body.ToArray(),
            Left = left.Task,
        };
        lock (_calls)
        {
            _calls.Add(call);
        }

        _received.Writer.TryWrite(call);
        return _scripts.TryDequeue(out var script) ? script : UpstreamScript.Answer(500, "no script");
    }
}

/// <summary>One POST as it came.</summary>
internal sealed class ReceivedCall
{
    public required string Path { get; init; }

    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    /// <summary>The connection that it came on.</summary>
    public required string Connection { get; init; }

    public required byte[] Body { get; init; }

    /// <summary>Ends when the client has hung up before the answer was over.</summary>
    public required Task Left { get; init; }

    public JsonNode Json => JsonNode.Parse(Body)!;

    public string Text => Encoding.UTF8.GetString(Body);
}
