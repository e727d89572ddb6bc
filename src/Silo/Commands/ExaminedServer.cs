using System.Globalization;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend;
using Evergrain.Frontend.InProcess;
using Evergrain.Frontend.Settings;
using Evergrain.Grains;
using Evergrain.Providers.Servers;
using Evergrain.Silo.Cluster;
using Evergrain.Silo.Composition;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Evergrain.Silo.Commands;

/// <summary>A server that is put together as one that serves, is never started, and is looked through.</summary>
internal sealed class ExaminedServer : IAsyncDisposable
{
    // An answer's date has whole seconds, and takes its time.
    private static readonly TimeSpan ClockDifferenceMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ModelTimeout = TimeSpan.FromSeconds(10);

    private readonly WebApplication _app;
    private readonly JournalComposition _journal;
    private readonly List<DoctorFinding> _findings = [];
    private readonly List<ComparedClock> _clocks = [];

    private ExaminedServer(WebApplication app, JournalComposition journal) => (_app, _journal) = (app, journal);

    /// <summary>Its place in a cluster; null: it is alone.</summary>
    private MemberOptions? Member { get; init; }

    /// <summary>Reads the settings.</summary>
    /// <exception cref="OptionsValidationException">There is a mistake; it holds all of them.</exception>
    public static ExaminedServer Create(CommandLineSettings settings)
    {
        var builder = ServerBuilder.Create(settings);
        var (services, configuration) = (builder.Services, builder.Configuration);
        var role = ServerRoles.Read(configuration);
        var journal = JournalComposition.Add(services, configuration, role);
        MemberOptions? member = null;
        if (role == ServerRole.Alone)
        {
            services.AddSettings<InProcessOptions>(configuration, EvergrainOptions.Section);
        }
        else
        {
            member = services.AddSettings<MemberOptions>(configuration, MemberOptions.Section);
            services.AddSettings<ConversationClusterOptions>(configuration, MemberOptions.Section);
        }

        services.AddEvergrainFrontend(configuration);
        services.AddRecognition(configuration, isHost: false);
        services.AddModels(configuration, settings.Models);
        services.UseApiKeys(settings.ApiKeys);
        var app = builder.Build();
        app.CheckSettings();
        return new ExaminedServer(app, journal) { Member = member };
    }

    /// <summary>Looks at every part.</summary>
    public async Task<IReadOnlyList<DoctorFinding>> FindAsync(CancellationToken cancellationToken)
    {
        var options = _app.Services.GetRequiredService<IOptions<EvergrainOptions>>().Value;
        _findings.Add(new DoctorFinding("settings", IsFine: true, options.HasKeys
            ? "No mistake was found; callers need a key."
            : "No mistake was found; callers from this machine need no key."));
        var ports = new PortCheck(options);
        _findings.AddRange(await ports.FindAsync(cancellationToken));
        _findings.Add(_journal switch
        {
            { PostgresOptions: { } postgres } => await JournalCheckup.FindAsync(postgres, _clocks, cancellationToken),
            { AzureOptions: { } azure } => await JournalCheckup.FindAsync(azure, _clocks, cancellationToken),
            _ => new JournalCheckup(ports.IsServing).Find(
                JournalComposition.SqliteDirectory(_app.Configuration)!, _clocks),
        });
        _findings.AddRange(await new LifetimeCheckup(_app.Configuration, _journal).FindAsync(
            TimeProvider.System.GetUtcNow(), cancellationToken));
        if (Member is not null)
        {
            _findings.Add(await CertificateCheckup.FindAsync(
                Member, TimeProvider.System.GetUtcNow(), cancellationToken));
        }

        foreach (var backend in _app.Services.GetServices<IModelBackend>())
        {
            await AskAsync(backend, cancellationToken);
        }

        _findings.Add(FindClock());
        return _findings;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await _journal.DisposeAsync();
    }

    private async Task AskAsync(IModelBackend backend, CancellationToken cancellationToken)
    {
        if (backend is not ModelServerBackend { Server: var server })
        {
            _findings.Add(new DoctorFinding("model", IsFine: true,
                $"The demo model is built in: {string.Join(", ", backend.Models)}."));
            return;
        }

        foreach (var upstream in server.Upstreams.All)
        {
            var answer = await ServerQuestion.AskAsync(
                server, upstream.At("models"), ModelTimeout, cancellationToken);
            var models = ModelListing.NamesOf(answer);
            _findings.Add(new DoctorFinding("model", models is not null, models is not null
                ? $"{server.Options.Name} at {upstream.Url} answers, and lists {models.Length} models."
                : $"{server.Options.Name} at {upstream.Url} lists no models ({answer.Cause}): start it, or correct " +
                    "--model-url and its key."));
            if (answer.Date is { } date)
            {
                _clocks.Add(new ComparedClock(upstream.Url, TimeProvider.System.GetUtcNow() - date));
            }
        }
    }

    private DoctorFinding FindClock()
    {
        if (_clocks.Find(static clock => clock.Ahead.Duration() > ClockDifferenceMax) is { } wrong)
        {
            var seconds = wrong.Ahead.Duration().TotalSeconds.ToString("0", CultureInfo.InvariantCulture);
            var side = wrong.Ahead > TimeSpan.Zero ? "ahead of" : "behind";
            return new DoctorFinding("clock", IsFine: false, $"This machine's clock is {seconds} s {side} that of " +
                $"{wrong.Owner}: set the one that is wrong, and keep both in time with NTP.");
        }

        return new DoctorFinding("clock", IsFine: true, _clocks.Count == 0
            ? "There is no other clock to compare this machine's with."
            : $"This machine's clock agrees with {string.Join(", ", _clocks.Select(static clock => clock.Owner))}.");
    }
}
