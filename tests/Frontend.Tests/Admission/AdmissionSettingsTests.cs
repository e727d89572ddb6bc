using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Listening;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>Bounds by the file: what is said, what follows from it, what is wrong, and what is reread.</summary>
public sealed class AdmissionSettingsTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"evergrain-{Guid.CreateVersion7():N}.json");

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Tenant_NotNamed_HasWhatAllMayHave()
    {
        using var host = new AdmissionHost(AdmissionHost.Json($$"""{"MemoryBytesMax":{{8L << 30}}}"""));

        Assert.Equal(new TenantBounds(int.MaxValue, int.MaxValue, 5_000, 256 << 20, 1),
            host.Settings.Current.Of("any"));
        Assert.Equal(1L << 30, host.Settings.Current.Memory.ReceivedBytesMax);
    }

    [Fact]
    public void Tenant_Named_HasItsOwnThenTheOthersThenTheDefault()
    {
        using var host = new AdmissionHost(AdmissionHost.Json(
            """{"WaitingTurnsMax":51,"MemoryBytesMax":8589934592}""",
            """{"*":{"RunningTurnsMax":5,"Weight":2},"a":{"RunningTurnsMax":7}}"""));

        Assert.Equal(new TenantBounds(int.MaxValue, 7, 26, 256 << 20, 2), host.Settings.Current.Of("a"));
        Assert.Equal(new TenantBounds(int.MaxValue, 5, 26, 256 << 20, 2), host.Settings.Current.Of("b"));
    }

    [Theory]
    [InlineData("{", "JSON")]
    [InlineData("""{"Evergrain":{"Tenants":{"a":{"Weight":0}}}}""", "Evergrain:Tenants:a: The field Weight")]
    [InlineData("""{"Evergrain":{"Tenants":{"a":{"Wait":1}}}}""", "'Wait'")]
    [InlineData("""{"Evergrain":{"Tenants":{"a":{"Weight":"much"}}}}""", "'much'")]
    [InlineData("""{"Evergrain":{"Tenants":{"a":{"Recognition":"some"}}}}""", "must be off, stored or all.")]
    [InlineData("""{"Evergrain":{"Tenants":{"a":{"UnstoredGrace":"2.00:00:00"}}}}""", "The field UnstoredGrace")]
    [InlineData("""{"Evergrain":{"Tenants":{"a":5}}}""", "Evergrain:Tenants:a: '5'")]
    [InlineData("""{"Evergrain":{"Tenants":{"A team":{"Weight":1}}}}""", "Evergrain:Tenants:A team")]
    [InlineData("""{"Evergrain":{"Admission":{"QueueTimeout":"01:00:00"}}}""", "QueueTimeout")]
    [InlineData(null, "is gone")]
    public async Task File_ChangedForTheWorse_ChangesNothingAndIsReportedOnce(string? content, string why)
    {
        await File.WriteAllTextAsync(_file, AdmissionHost.Json("{}", """{"a":{"Weight":7}}"""));
        var log = new LineLog();
        using var settings = Open(log: log);
        settings.OnChange(() => Assert.Fail("nothing changes"));

        File.Delete(_file);
        await (content is null ? Task.CompletedTask : File.WriteAllTextAsync(_file, content));
        Assert.True(settings.Reload());
        Assert.False(settings.Reload());

        Assert.Equal(7, settings.Current.Of("a").Weight);
        var line = Assert.Single(log.Lines);
        Assert.Contains(_file, line, StringComparison.Ordinal);
        Assert.Contains(why, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_PutRightAgain_IsTaken()
    {
        await File.WriteAllTextAsync(_file, "{}");
        using var settings = Open();
        await File.WriteAllTextAsync(_file, "{");
        settings.Reload();
        await File.WriteAllTextAsync(_file, AdmissionHost.Json("""{"QueueTimeout":"00:00:02"}"""));

        Assert.True(settings.Reload());

        Assert.Equal(TimeSpan.FromSeconds(2), settings.Current.All.QueueTimeout);
    }

    [Fact]
    public async Task File_Reread_StaysBelowWhatWinsOverIt()
    {
        await File.WriteAllTextAsync(_file, AdmissionHost.Json("""{"RunningTurnsMax":5}"""));
        using var settings = Open(("Evergrain:Admission:ConnectionsMax", "9"));
        await File.WriteAllTextAsync(_file, AdmissionHost.Json("""{"RunningTurnsMax":6,"ConnectionsMax":7}"""));

        settings.Reload();

        Assert.Equal((6, 9), (settings.Current.All.RunningTurnsMax, settings.Current.All.ConnectionsMax));
    }

    [Fact]
    public async Task File_ThatAppears_IsNoticedByTheClock()
    {
        var time = new ManualTime();
        using var settings = Open(time: time);
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        settings.OnChange(changed.SetResult);
        var armed = time.ArmedAsync(TimeSpan.FromSeconds(2));
        await settings.StartAsync(CancellationToken.None);
        await armed;
        await File.WriteAllTextAsync(_file, AdmissionHost.Json("""{"RunningTurnsMax":5}"""));

        time.Advance(TimeSpan.FromSeconds(2));

        await changed.Task.WaitAsync(Waits.Patience);
        Assert.Equal(5, settings.Current.All.RunningTurnsMax);
        await settings.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Settings_WrongAtStart_AreAllReported()
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => TestServer.StartAsync(
            new ScriptedConversations(), ("Port", "70000"), ("Admission:ConnectionsMax", "0"),
            ("Tenants:a:Weight", "0"), ("Tenants:b:Frob", "1")));

        Assert.Equal(4, error.Failures.Count());
    }

    private AdmissionSettings Open((string Key, string Value)? over = null, TimeProvider? time = null,
        ILogger<AdmissionSettings>? log = null)
    {
        var configuration = new ConfigurationBuilder().AddJsonFile(_file, optional: true);
        if (over is { } setting)
        {
            configuration.AddInMemoryCollection([KeyValuePair.Create(setting.Key, (string?)setting.Value)]);
        }

        return new AdmissionSettings(configuration.Build(), new FileBounds(null, 1, new AdmissionOptions()),
            time ?? TimeProvider.System, log ?? NullLogger<AdmissionSettings>.Instance);
    }

    private sealed class LineLog : ILogger<AdmissionSettings>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Lines.Add(formatter(state, exception));
    }
}
