using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Servers;

/// <summary>
/// One model server of the configuration: an API's rendering and events, and the network between. Created by
/// <see cref="ModelServersExtensions"/>.
/// </summary>
/// <remarks>
/// A conversation's calls go to the URL that it went to before. They move to another one only while no event was
/// given out. A failure is a call's last event: <see cref="ModelEventKind.Failed"/> with a code of the protocol.
/// </remarks>
public sealed class ModelServerBackend : IModelBackend, IDisposable
{
    private readonly ModelServer _server;
    private readonly ModelRoute _route;
    private IReadOnlyList<string> _models;

    internal ModelServerBackend(
        ModelServerOptions options, IModelApi api, ModelRoute route, ModelServerServices services)
    {
        _server = new ModelServer(options, api, services);
        _route = route;
        _models = Exact();
    }

    /// <inheritdoc/>
    public string Rendering => _server.Api.Rendering;

    /// <inheritdoc/>
    public IStateCodec? States => _server.Api.States;

    /// <inheritdoc/>
    /// <remarks>The names that the settings spell out, and those that the server offers and a pattern takes.</remarks>
    public IReadOnlyList<string> Models => Volatile.Read(ref _models);

    /// <inheritdoc/>
    public int CallsMax => _server.Options.CallsMax * _server.Options.Urls.Count;

    internal ModelServer Server => _server;

    /// <inheritdoc/>
    public bool Serves(string model) => _route.Leads(model);

    /// <inheritdoc/>
    public Rendered Render(Item item, object? state) => _server.Api.Render(item, state);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ModelEvent> StreamAsync(
        ModelCall call, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var events = new List<ModelEvent>();
        await using var running = new ServerCall(_server, call, cancellationToken);
        while (await running.ReadAsync(events))
        {
            foreach (var modelEvent in events)
            {
                yield return modelEvent;
            }
        }
    }

    /// <summary>Ends its connections.</summary>
    public void Dispose() => _server.Http.Dispose();

    /// <summary>Takes what the server says it offers.</summary>
    internal void Offer(IEnumerable<string> models) =>
        Volatile.Write(ref _models, [.. Exact().Concat(models.Where(_route.Leads)).Distinct(StringComparer.Ordinal)]);

    private string[] Exact() => [.. _server.Options.Models.Where(static model => !ModelNames.IsPattern(model))];
}

/// <summary>Which model names lead to one server of a list.</summary>
internal sealed record ModelRoute(ModelNames Names, int Server)
{
    public bool Leads(string model) => Names.Find(model) == Server;
}

/// <summary>What the calls to one model server share.</summary>
internal sealed class ModelServer
{
    // A name whose address changes is looked up again within this time.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    public ModelServer(ModelServerOptions options, IModelApi api, ModelServerServices services)
    {
        (Options, Api, Services) = (options, api, services);
        Upstreams = new UpstreamSet(options, services);
        Authorization = options.Key is { } key ? new AuthenticationHeaderValue("Bearer", key) : null;
        Http = new HttpMessageInvoker(Handler(options));
    }

    public ModelServerOptions Options { get; }

    public IModelApi Api { get; }

    public ModelServerServices Services { get; }

    public UpstreamSet Upstreams { get; }

    public AuthenticationHeaderValue? Authorization { get; }

    /// <summary>The one client for all its URLs.</summary>
    public HttpMessageInvoker Http { get; }

    private static int UrlsOfOneHost(ModelServerOptions options) => options.Urls
        .GroupBy(static url => new Uri(url).Authority, StringComparer.Ordinal).Max(static urls => urls.Count());

    private static SocketsHttpHandler Handler(ModelServerOptions options) => new()
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        ConnectTimeout = options.ConnectTimeout,
        PooledConnectionLifetime = ConnectionLifetime,

        // URLs may share a host; one more connection asks for the list of models.
        MaxConnectionsPerServer = (options.CallsMax * UrlsOfOneHost(options)) + 1,

        // What is left of an answer nobody wants is not waited for: the server must see at once that it is alone.
        MaxResponseDrainSize = 0,
        ResponseDrainTimeout = TimeSpan.Zero,
    };
}
