using System.Net.Http.Headers;
using System.Reflection;

namespace Evergrain.Providers.Servers;

/// <summary>
/// The connections to one model server: those that are kept, and new ones for a call that met a dead one.
/// </summary>
internal sealed class ServerConnections : IDisposable
{
    // A name whose address changes is looked up again within this time.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);
    private static readonly ProductInfoHeaderValue Agent = new("evergrain", VersionOf(typeof(ServerConnections)));

    private readonly HttpMessageInvoker _kept;
    private readonly HttpMessageInvoker _new;

    public ServerConnections(ModelServerOptions options)
    {
        _kept = new HttpMessageInvoker(Handler(options, Lifetime));
        _new = new HttpMessageInvoker(Handler(options, TimeSpan.Zero));
        Authorization = options.Key is { } key ? new AuthenticationHeaderValue("Bearer", key) : null;
    }

    /// <summary>The server's key as requests carry it; null where it wants none.</summary>
    public AuthenticationHeaderValue? Authorization { get; }

    /// <summary>Sends a request, with the server's key, and waits for the head of its answer.</summary>
    /// <param name="request">The request.</param>
    /// <param name="isNew">Whether it goes over a connection that nothing was sent over before.</param>
    /// <param name="cancellationToken">Ends the request and its connection.</param>
    public Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, bool isNew, CancellationToken cancellationToken)
    {
        request.Headers.Authorization = Authorization;
        request.Headers.UserAgent.Add(Agent);
        return (isNew ? _new : _kept).SendAsync(request, cancellationToken);
    }

    public void Dispose()
    {
        _kept.Dispose();
        _new.Dispose();
    }

    private static int UrlsOfOneHost(ModelServerOptions options) => options.Urls
        .GroupBy(static url => new Uri(url).Authority, StringComparer.Ordinal).Max(static urls => urls.Count());

    // A lifetime of zero keeps no connection.
    private static SocketsHttpHandler Handler(ModelServerOptions options, TimeSpan lifetime) => new()
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        ActivityHeadersPropagator = null,
        UseCookies = false,
        ConnectTimeout = options.ConnectTimeout,
        PooledConnectionLifetime = lifetime,
        PlaintextStreamFilter = static (connection, _) =>
            ValueTask.FromResult<Stream>(new CallConnection(connection.PlaintextStream)),

        // URLs may share a host; one more connection asks for the list of models.
        MaxConnectionsPerServer = (options.CallsMax * UrlsOfOneHost(options)) + 1,

        // What is left of an answer nobody wants is not waited for: the server must see at once that it is alone.
        MaxResponseDrainSize = 0,
        ResponseDrainTimeout = TimeSpan.Zero,
    };

    private static string VersionOf(Type type) => type.Assembly.GetName().Version!.ToString(fieldCount: 3);
}
