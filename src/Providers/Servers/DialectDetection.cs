using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Dialects;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Servers;

/// <summary>
/// Finds out which dialect chat-completions servers speak, where neither settings nor host say it. The start waits for
/// that a moment. A server that does not answer is spoken to in <c>plain</c> until it does.
/// </summary>
/// <param name="backends">The backends of this process.</param>
/// <param name="services">The clock and the log.</param>
/// <param name="provider">What an API is created with.</param>
internal sealed partial class DialectDetection(
    IEnumerable<IModelBackend> backends, ModelServerServices services, IServiceProvider provider) : BackgroundService
{
    private static readonly TimeSpan StartWait = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isStarted;

    private List<ModelServerBackend> Unknown { get; } = [.. backends.OfType<ModelServerBackend>().Where(
        static backend => backend.Server.Options.Api == ModelApis.Chat && !backend.Dialect.IsKnown)];

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var backend in backends.OfType<ModelServerBackend>().Except(Unknown))
        {
            Log(backend);
        }

        await base.StartAsync(cancellationToken);
        try
        {
            await _asked.Task.WaitAsync(StartWait, services.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Turns begin in plain.
        }

        _isStarted = true;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (Unknown.Count > 0)
            {
                await Task.WhenAll(Unknown.Select(backend => AskAsync(backend, stoppingToken)));
                Unknown.RemoveAll(static backend => backend.Dialect.IsKnown);
                _asked.TrySetResult();
                if (Unknown.Count > 0)
                {
                    await Task.Delay(Interval, services.Time, stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
        finally
        {
            _asked.TrySetResult();
        }
    }

    private async Task AskAsync(ModelServerBackend backend, CancellationToken stoppingToken)
    {
        foreach (var upstream in backend.Server.Upstreams.All)
        {
            var models = await ServerQuestion.AskAsync(
                backend.Server, upstream.At("models"), Timeout, stoppingToken);
            if (await FindAsync(backend.Server, upstream, models, stoppingToken) is { } choice)
            {
                var before = backend.Dialect.Dialect.Name;
                backend.Speak(ModelApis.Create(backend.Server.Options, choice.Dialect, provider), choice);
                backend.Offer(ModelListing.NamesOf(models) ?? []);
                LogFound(backend, before);
                return;
            }
        }
    }

    /// <summary>Tells it from the list of models, or asks the URL further; null if the server is not there.</summary>
    private static async Task<DialectChoice?> FindAsync(
        ModelServer server, Upstream upstream, ServerAnswer models, CancellationToken stoppingToken)
    {
        if (models.Product.StartsWith("llama.cpp", StringComparison.OrdinalIgnoreCase))
        {
            return Known("llama.cpp", "its header Server says so");
        }

        if (!models.IsSettled)
        {
            // A proxy may answer before the server is there.
            return null;
        }

        var owner = OwnerOf(models.Body);
        var named = owner switch
        {
            "llamacpp" => "llama.cpp",
            "vllm" or "sglang" => owner,
            "library" => "ollama",
            "organization_owner" => "lmstudio",
            _ => null,
        };
        if (named is not null)
        {
            return Known(named, $"its models are owned by '{owner}'");
        }

        // Source: the servers' own code; see docs/dialects.md. Each has one of these, and nobody else has it.
        foreach (var (path, member, dialect) in new[]
        {
            ("props", "build_info", "llama.cpp"), ("api/version", "version", "ollama"),
            ("get_server_info", "version", "sglang"), ("version", "version", "vllm"),
        })
        {
            var answer = await ServerQuestion.AskAsync(server, upstream.AtRoot(path), Timeout, stoppingToken);
            if (answer.IsOk && answer.Body.TryGetProperty(member, out _))
            {
                return Known(dialect, $"it answers GET /{path}");
            }
        }

        var cause = models.IsOk ? "" : $" ({models.Cause})";
        return new DialectChoice(KnownDialects.Plain, $"the server does not say which one it is{cause}", IsKnown: true);
    }

    private static DialectChoice Known(string dialect, string reason) =>
        new(KnownDialects.Find(dialect)!, reason, IsKnown: true);

    private static string? OwnerOf(JsonElement body) =>
        body.ValueKind == JsonValueKind.Object && body.TryGetProperty("data", out var list) &&
        list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 &&
        list[0].ValueKind == JsonValueKind.Object && list[0].TryGetProperty("owned_by", out var owner) &&
        owner.ValueKind == JsonValueKind.String
            ? owner.GetString()
            : null;

    /// <summary>What the start line says is at level Information; later turns that change are a warning.</summary>
    private void LogFound(ModelServerBackend backend, string before)
    {
        if (_isStarted && backend.Dialect.Dialect.Name != before)
        {
            LogChanged(services.Logger, backend.Server.Options.Name, backend.Dialect.Dialect.Name, before,
                backend.Dialect.Reason);
        }
        else
        {
            Log(backend);
        }
    }

    private void Log(ModelServerBackend backend)
    {
        if (backend.Server.Options.Api == ModelApis.Chat)
        {
            LogDialect(services.Logger, backend.Server.Options.Name, backend.Dialect.Dialect.Name,
                backend.Dialect.Reason);
        }
    }

    [LoggerMessage(125, LogLevel.Information, "Model server {Server} is spoken to as {Dialect}: {Reason}.")]
    private static partial void LogDialect(ILogger logger, string server, string dialect, string reason);

    [LoggerMessage(126, LogLevel.Warning,
        "Model server {Server} is spoken to as {Dialect} from now on, no longer as {Before}: {Reason}.")]
    private static partial void LogChanged(
        ILogger logger, string server, string dialect, string before, string reason);
}
