using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Connections.Security;

namespace Evergrain.Silo.Trust;

/// <summary>
/// The TLS handshake of one connection, carried out by Orleans' middleware, and why it failed.
/// </summary>
/// <remarks>
/// The middleware writes a failure to its logger, without the peer's address, and returns as if all were well. So each
/// connection has a middleware of its own, whose logger is the one here. Connections are few and live long.
/// </remarks>
internal sealed class PeerHandshake(ClusterIdentity identity, string cluster)
{
    /// <summary>The likely cause where one side has TLS and the other has not.</summary>
    public const string TlsDiffers = "Evergrain:Cluster:Tls must be the same in every process of a cluster";

    private const string CertificatesDiffer =
        "the processes of a cluster need one Id, and one database or one TlsAuthority";

    // Shorter than the five seconds after which Orleans gives up a connection that does not open.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    private readonly FailureLog _log = new();
    private string? _fault;

    /// <summary>Whether both sides accepted each other's certificate, as far as this side knows.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Why it failed, and which setting decides that.</summary>
    public string Reason => _fault is { } fault
        ? $"its certificate {fault}; {CertificatesDiffer}"
        : Describe(_log.Failure);

    /// <summary>Carries it out on a connection that the peer opened; then runs the connection.</summary>
    public Task AcceptAsync(ConnectionContext connection, ConnectionDelegate next) =>
        RunAsync(connection, next, static (pipeline, options) => pipeline.UseServerTls(options));

    /// <summary>Carries it out on a connection to the peer; then runs the connection.</summary>
    public Task ConnectAsync(ConnectionContext connection, ConnectionDelegate next) =>
        RunAsync(connection, next, static (pipeline, options) => pipeline.UseClientTls(options));

    private Task RunAsync(ConnectionContext connection, ConnectionDelegate next,
        Action<IConnectionBuilder, TlsOptions> useTls)
    {
        var pipeline = new ConnectionBuilder(_log);
        useTls(pipeline, new TlsOptions
        {
            LocalServerCertificateSelector = (_, _) => identity.Certificate,
            RemoteCertificateValidation = Accepts,
            OnAuthenticateAsServer = (_, options) =>
                identity.Apply((SslServerAuthenticationOptions)options.SslServerAuthenticationOptions),
            OnAuthenticateAsClient = (_, options) =>
                identity.Apply((SslClientAuthenticationOptions)options.SslClientAuthenticationOptions),
            HandshakeTimeout = Patience,
        });
        pipeline.Run(secured =>
        {
            IsDone = true;
            return next(secured);
        });
        return pipeline.Build()(connection);
    }

    // Peers are found by address, so the name in a certificate is the cluster's and not the host's.
    private bool Accepts(X509Certificate2 certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        var found = errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) ? chain!.ChainStatus : [];
        _fault = CertificateFault.Find(certificate, found, cluster);
        return _fault is null;
    }

    private static string Describe(Exception? failure) => failure switch
    {
        OperationCanceledException => "it did not answer",
        AuthenticationException { InnerException: null } => $"it showed no certificate, or has no TLS; {TlsDiffers}",
        _ => "it broke off the handshake, so it does not trust this process's certificate, or has no TLS " +
            $"({(failure?.InnerException ?? failure)?.Message}); {TlsDiffers}",
    };

    /// <summary>Keeps the failure that the middleware logs.</summary>
    private sealed class FailureLog : IServiceProvider, ILoggerFactory, ILogger
    {
        public Exception? Failure { get; private set; }

        public object? GetService(Type serviceType) => serviceType == typeof(ILoggerFactory) ? this : null;

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Failure ??= exception;

        public void Dispose()
        {
        }
    }
}
