using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Evergrain.Silo.Trust;

/// <summary>
/// The certificate that this process shows to the others of its cluster, and the authorities whose certificates it
/// accepts. Immutable: a renewal makes another identity, and open connections keep theirs.
/// </summary>
internal sealed class ClusterIdentity
{
    private readonly X509Certificate2Collection _authorities;

    /// <summary>Makes one.</summary>
    /// <param name="certificate">The certificate, with its private key.</param>
    /// <param name="intermediates">Certificates between it and an authority; they are sent along.</param>
    /// <param name="authorities">The authorities.</param>
    public ClusterIdentity(X509Certificate2 certificate, X509Certificate2Collection intermediates,
        X509Certificate2Collection authorities)
    {
        (Certificate, _authorities) = (certificate, authorities);
        Context = SslStreamCertificateContext.Create(certificate, intermediates, offline: true);
        using var chain = new X509Chain { ChainPolicy = PolicyFor(authorities) };
        chain.ChainPolicy.ExtraStore.AddRange(intermediates);
        chain.Build(certificate);
        EndsAt = chain.ChainElements.Select(static element => element.Certificate).Append(certificate)
            .Min(static one => new DateTimeOffset(one.NotAfter)).ToUniversalTime();
    }

    /// <summary>The certificate.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>When peers accept it no more: the certificate or one that it rests on has ended.</summary>
    public DateTimeOffset EndsAt { get; }

    private SslStreamCertificateContext Context { get; }

    /// <summary>How a peer's chain is checked: nothing is fetched, and no root of the system counts.</summary>
    public static X509ChainPolicy PolicyFor(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    /// <summary>Sets up the accepting side of a handshake.</summary>
    /// <remarks>A resumed session would carry on the certificates of the session before.</remarks>
    public void Apply(SslServerAuthenticationOptions options)
    {
        options.ServerCertificateSelectionCallback = null;
        options.ServerCertificateContext = Context;
        options.CertificateChainPolicy = PolicyFor(_authorities);
        options.AllowTlsResume = false;
    }

    /// <summary>Sets up the connecting side of a handshake.</summary>
    public void Apply(SslClientAuthenticationOptions options)
    {
        options.ClientCertificateContext = Context;
        options.CertificateChainPolicy = PolicyFor(_authorities);
        options.AllowTlsResume = false;
    }
}
