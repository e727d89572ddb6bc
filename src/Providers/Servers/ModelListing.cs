using System.Text.Json;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Servers;

/// <summary>
/// Asks the servers that have patterns which models they offer, at start and now and then, for
/// <c>GET /v1/models</c>. A URL that does not answer keeps what it said before; calls do not depend on any of it.
/// </summary>
internal sealed partial class ModelListing(IEnumerable<IModelBackend> backends, ModelServerServices services)
    : BackgroundService
{
    private const int ModelsMax = 1_000;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <summary>The models that an answer lists; null if it gives no list.</summary>
    internal static string[]? NamesOf(ServerAnswer answer) => answer.IsOk ? Read(answer.Body) : null;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(backends
        .OfType<ModelServerBackend>()
        .Where(static backend => backend.Server.Options.Models.DefaultIfEmpty("*").Any(ModelNames.IsPattern))
        .Select(backend => FollowAsync(backend, stoppingToken)));

    private async Task FollowAsync(ModelServerBackend backend, CancellationToken stoppingToken)
    {
        var listed = backend.Server.Upstreams.All.Select(static upstream => new Listed(upstream)).ToList();
        try
        {
            while (true)
            {
                foreach (var one in listed)
                {
                    await RefreshAsync(backend.Server, one, stoppingToken);
                    backend.Offer(listed.SelectMany(static one => one.Models));
                }

                await Task.Delay(backend.Server.Options.ModelsInterval, services.Time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    private async Task RefreshAsync(ModelServer server, Listed listed, CancellationToken stoppingToken)
    {
        var answer = await ServerQuestion.AskAsync(server, listed.Upstream.At("models"), Timeout, stoppingToken);
        var models = NamesOf(answer);
        if (models is null && !listed.IsFailing)
        {
            LogNotListed(services.Logger, server.Options.Name, listed.Upstream.Url, answer.Cause);
        }

        listed.IsFailing = models is null;
        listed.Models = models ?? listed.Models;
    }

    private static string[]? Read(JsonElement body) =>
        !body.TryGetProperty("data", out var list) || list.ValueKind != JsonValueKind.Array
            ? null
            : [.. list.EnumerateArray().Select(NameOf).Where(ModelNames.IsName).Take(ModelsMax)!];

    private static string? NameOf(JsonElement model) => model.ValueKind == JsonValueKind.Object &&
        model.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String ? id.GetString() : null;

    [LoggerMessage(122, LogLevel.Warning,
        "Model server {Server} at {Url} does not say which models it offers ({Cause}).")]
    private static partial void LogNotListed(ILogger logger, string server, string url, string cause);

    /// <summary>What one URL said last.</summary>
    private sealed class Listed(Upstream upstream)
    {
        public Upstream Upstream { get; } = upstream;

        public string[] Models { get; set; } = [];

        public bool IsFailing { get; set; }
    }
}
