using System.Runtime.CompilerServices;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Servers;

/// <summary>
/// One model server of the configuration: an API's rendering and events, and the network between. Created by
/// <see cref="ModelServersExtensions"/>.
/// </summary>
/// <remarks>
/// Its dialect may be found out after the start. A turn keeps to the backend that <see cref="Now"/> was when it began.
/// A conversation's calls go to the URL that it went to before. They move to another one only while no event was
/// given out. A failure is a call's last event: <see cref="ModelEventKind.Failed"/> with a code of the protocol.
/// </remarks>
public sealed class ModelServerBackend : IModelBackend, IDisposable
{
    private readonly ModelRoute _route;
    private ServedApi _now;
    private IReadOnlyList<string> _models;

    internal ModelServerBackend(
        ModelServer server, DialectChoice dialect, ModelRoute route)
    {
        (_route, Dialect) = (route, dialect);
        _now = new ServedApi(this, server);
        _models = Exact();
    }

    /// <inheritdoc/>
    public string Rendering => Current.Rendering;

    /// <inheritdoc/>
    public string Origin => Current.Origin;

    /// <inheritdoc/>
    public IStateCodec? States => Current.States;

    /// <inheritdoc/>
    public IModelBackend Now => Current;

    /// <inheritdoc/>
    /// <remarks>The names that the settings spell out, and those that the server offers and a pattern takes.</remarks>
    public IReadOnlyList<string> Models => Volatile.Read(ref _models);

    /// <inheritdoc/>
    public IReadOnlyList<string> Patterns => [.. Server.Options.Models.Where(ModelNames.IsPattern)];

    /// <inheritdoc/>
    public int CallsMax => Server.Options.CallsMax * Server.Options.Urls.Count;

    /// <inheritdoc/>
    public bool TakesOpenCalls => Server.Api.TakesOpenCalls;

    /// <inheritdoc/>
    public string? Refuse(string field, ReadOnlyMemory<byte> json) => Server.Api.Refuse(field, json);

    /// <summary>Which server it is spoken to as, and why, in words; null where its API leaves no choice.</summary>
    public string? SpokenTo => Server.Options.Api == ModelApis.Chat
        ? $"{Server.Options.Name} is spoken to as {Dialect.Dialect.Name} ({Dialect.Reason})"
        : null;

    /// <summary>Which dialect it speaks, and why.</summary>
    internal DialectChoice Dialect { get; private set; }

    internal ModelServer Server => Current.Server;

    private ServedApi Current => Volatile.Read(ref _now);

    /// <inheritdoc/>
    public bool Serves(string model) => _route.Leads(model);

    /// <inheritdoc/>
    public Rendered Render(Item item, object? state) => Current.Render(item, state);

    /// <inheritdoc/>
    public IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call, CancellationToken cancellationToken) =>
        Current.StreamAsync(call, cancellationToken);

    /// <summary>Ends its connections.</summary>
    public void Dispose() => Server.Dispose();

    /// <summary>Speaks another dialect from the next turn on.</summary>
    internal void Speak(IModelApi api, DialectChoice dialect)
    {
        Dialect = dialect;
        Volatile.Write(ref _now, new ServedApi(this, Server.With(api)));
    }

    /// <summary>Takes what the server says it offers.</summary>
    internal void Offer(IEnumerable<string> models) =>
        Volatile.Write(ref _models, [.. Exact().Concat(models.Where(_route.Leads)).Distinct(StringComparer.Ordinal)]);

    private string[] Exact() => [.. Server.Options.Models.Where(static model => !ModelNames.IsPattern(model))];
}

/// <summary>A server's backend in one dialect, which does not change.</summary>
internal sealed class ServedApi(ModelServerBackend owner, ModelServer server) : IModelBackend
{
    public ModelServer Server { get; } = server;

    public string Rendering => Server.Api.Rendering;

    public string Origin => Server.Api.Origin;

    public IReadOnlyList<string> Models => owner.Models;

    public IReadOnlyList<string> Patterns => owner.Patterns;

    public int CallsMax => owner.CallsMax;

    public bool TakesOpenCalls => Server.Api.TakesOpenCalls;

    public string? Refuse(string field, ReadOnlyMemory<byte> json) => Server.Api.Refuse(field, json);

    public IStateCodec? States => Server.Api.States;

    public bool Serves(string model) => owner.Serves(model);

    public Rendered Render(Item item, object? state) => Server.Api.Render(item, state);

    public async IAsyncEnumerable<ModelEvent> StreamAsync(
        ModelCall call, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var events = new List<ModelEvent>();
        await using var running = new ServerCall(Server, call, cancellationToken);
        while (await running.ReadAsync(events))
        {
            foreach (var modelEvent in events)
            {
                yield return modelEvent;
            }
        }
    }
}

/// <summary>Which model names lead to one server of a list.</summary>
internal sealed record ModelRoute(ModelNames Names, int Server)
{
    public bool Leads(string model) => Names.Find(model) == Server;
}

/// <summary>What the calls to one model server share.</summary>
internal sealed class ModelServer : IDisposable
{
    public ModelServer(ModelServerOptions options, IModelApi api, ModelServerServices services)
    {
        (Options, Api, Services) = (options, api, services);
        Upstreams = new UpstreamSet(options, services);
        Connections = new ServerConnections(options);
    }

    private ModelServer(ModelServer other, IModelApi api)
    {
        (Options, Api, Services) = (other.Options, api, other.Services);
        (Upstreams, Connections) = (other.Upstreams, other.Connections);
    }

    public ModelServerOptions Options { get; }

    public IModelApi Api { get; }

    public ModelServerServices Services { get; }

    public UpstreamSet Upstreams { get; }

    /// <summary>The connections to all its URLs.</summary>
    public ServerConnections Connections { get; }

    /// <summary>The same server, spoken to otherwise.</summary>
    public ModelServer With(IModelApi api) => new(this, api);

    public void Dispose() => Connections.Dispose();
}
